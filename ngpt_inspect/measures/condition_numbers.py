"""Condition numbers of the attention and MLP matrices, per head and whole (Figure 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures._conditioning import conditionings, reason_of, rows_of
from ngpt_inspect.measures._heads import unknown_heads
from ngpt_inspect.measures._measure import Cost, Followed, Known, Measure, Summary, Values
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.conditioning import Conditioning


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield kappa, both ends of the spectrum and the storage resolution, per head and whole."""
    yield from unknown_heads(weight, "condition_number")
    for heads, found in conditionings(weight, weight.values(device), weight.errors(device)):
        for head, each in zip(heads, found, strict=True):
            yield from rows_of(each, head, weight)
            yield Values(measure="sigma_resolution", value=each.resolution, head=head)
        if heads != [None]:
            yield _pooled(found, weight)


def _pooled(heads: Sequence[Conditioning], weight: Weight) -> Values:
    """Return the largest singular value of all heads over the smallest of all."""
    # A head that lost rank comes first: beside it no other decides the status.
    worst = min(heads, key=lambda each: (each.status != "rank_deficient", each.sigma_min))
    status = Status(worst.status)
    lost = status is Status.RANK_DEFICIENT
    return Values(
        measure="pooled_condition_number",
        value=math.inf if lost else max(each.sigma_max for each in heads) / worst.sigma_min,
        status=status,
        reason=reason_of(worst, weight.tensor.dtype),
    )


_ROUNDING = 2**-52 / 12**0.5
"""Root mean square error of rounding to float64, of values from 1 to 2."""

MEASURE = Measure(
    name="condition_numbers",
    title="Condition numbers",
    summary="sigma_max / sigma_min of the attention and MLP matrices, per head and whole",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    cost=Cost(values=20, products=0.045, spectra=0.03, heads=60),
    quantities={
        "condition_number": "κ = σ_max / σ_min over the min(m, n) singular values, in float64 of "
        "the exact stored values; inf when rank deficient",
        "pooled_condition_number": "largest σ of all heads of a matrix over the smallest σ of all",
        "sigma_max": "largest singular value",
        "sigma_min": "smallest singular value",
        "sigma_resolution": "what rounding to the stored dtype alone can make of a σ_min of zero",
    },
    headline=Series("condition_number"),
    shown=(Series("condition_number", "median"),),
    summaries={"condition_number": (Summary.HEADS,)},
    pooled={"condition_number": (Summary.HEADS,)},
    source="arXiv 2410.01131, Figures 5 and 10: median over heads for attention, whole for MLP",
    followed={
        "condition_number": Followed(
            series=Series("condition_number", "median"), label="κ, median", log=True
        ),
    },
    known=(
        Known(
            role=Role.W_Q,
            weight=((3, 0, 0, 0), (0, 1, 0, 0), (0, 0, 4, 0), (0, 0, 0, 2)),
            heads=2,
            values={
                "condition_number": (3, 2, 4),
                "pooled_condition_number": 4,
                "sigma_max": (3, 4, 4),
                "sigma_min": (1, 2, 1),
                # One entry decides: three times its rounding error, spacing / √12.
                "sigma_resolution": (3 * _ROUNDING, 6 * _ROUNDING, 3 * _ROUNDING),
            },
        ),
        Known(
            role=Role.W_U,
            weight=((1, 2), (2, 4)),
            values={"condition_number": math.inf, "sigma_max": 5},
        ),
    ),
    usual="per head 1.5 to 12 in an nGPT; 10 to 1e4, in single heads beyond 1e6, in a GPT (arXiv "
    "2410.01131, Figures 5 and 11), in small ones from 1.4",
    alarming="∞ (a head lost rank), `below_resolution` (the stored dtype cannot tell), or a jump "
    "from one saved step to the next",
    random="(1 + r) / (1 − r) with r = √(short side / long side): 1.67 of a head of 64 × 1024; of "
    "a square n × n matrix it has no limit: median about 3.7 n; `singular_values` divides"
    " by it",
    caution="a gauge: W_v and W_o of a head can exchange any invertible d_k × d_k matrix, and W_q "
    "and W_k any that commutes with the rotations, and the model stays the same; what does "
    "not depend on it are the products QK and OV (`circuits`)",
)
