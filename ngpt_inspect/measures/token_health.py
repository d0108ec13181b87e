"""What tells tokens that training has hardly touched: numbers to sort by, not a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._measure import (
    Cost,
    Followed,
    Known,
    Measure,
    Setting,
    Summary,
    Values,
    View,
    numbered,
    skipped,
)
from ngpt_inspect.measures._token_ids import token_ids
from ngpt_inspect.stored import as_array
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight

THRESHOLD = 3.5
"""Where Iglewicz and Hoaglin (1993) label an outlier."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the numbers of every row; rows that are zero or not finite are named and left out."""
    from ngpt_inspect.numerics.directions import row_norms
    from ngpt_inspect.numerics.outliers import equal_rows, mean_cosines, robust_z

    values = weight.values(device)
    unused = token_ids(options["unused"], "unused", len(values))
    norms = row_norms(values)
    finite, zero = norms.isfinite(), norms == 0
    sound = (finite & ~zero).nonzero().squeeze(1)
    rounding = _rounding(weight, values if len(sound) == len(values) else values[sound])
    z = robust_z(norms[sound].log(), rounding)
    yield numbered("norm_z", z, index=sound)
    yield from _left_out(weight, values, finite, zero)
    yield numbered("mean_cosine", mean_cosines(values, sound, sound), index=sound)
    known = sound[torch.isin(sound, torch.tensor(unused, device=sound.device))]
    if len(known):
        yield numbered("unused_cosine", mean_cosines(values, sound, known), index=sound)
    equal = equal_rows(values)
    yield numbered("equal_rows", equal)
    rule = f"norm_z below -{options['threshold']:g}"
    low = int((z < -options["threshold"]).sum())
    yield Values(measure="low_norm_tokens", value=float(low), reason=rule)
    yield Values(measure="zero_tokens", value=float(zero.sum()))
    yield Values(measure="nonfinite_tokens", value=float((~finite).sum()))
    yield Values(measure="equal_tokens", value=float((equal > 0).sum()))


def _rounding(weight: Weight, rows: torch.Tensor) -> float:
    """Return by which share rounding moves the norms of such rows of a weight, their median."""
    from ngpt_inspect.numerics.finite import row_blocks
    from ngpt_inspect.numerics.unit_vectors import norm_rounding

    relative = weight.tensor.rounding()
    found = [
        norm_rounding(as_array(block.cpu()), weight.spacing, relative, columns=False)[0]
        for block in row_blocks(rows)
    ]
    return float(np.median(np.concatenate(found))) if found else 1.0


def _left_out(
    weight: Weight, values: torch.Tensor, finite: torch.Tensor, zero: torch.Tensor
) -> Iterator[Values]:
    """Yield a skipped row for each token that has no direction, and why."""
    from ngpt_inspect.numerics.finite import NonFinite, require_finite

    what = "its norm is not finite"
    try:
        require_finite(values)
    except NonFinite as error:
        what = str(error)
    for chosen, reason in ((zero, "norm zero"), (~finite, what)):
        ids = chosen.nonzero().squeeze(1)
        yield skipped("norm_z", f"{weight.source}: {reason}", index=ids)


MEASURE = Measure(
    name="token_health",
    title="Token health",
    summary="what sets dead and under-trained tokens apart: norm, direction, equal rows",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    cost=Cost(values=17),
    quantities={
        "norm_z": "robust z-score of ln ‖e_i‖₂: (x − median) / max(1.4826 · MAD, what rounding "
        "to the stored dtype can make of equal norms)",
        "mean_cosine": "cos(e_i, m) with m the mean of all unit rows",
        "unused_cosine": "with --unused: cos(e_i, m) with m the mean of those unit rows",
        "equal_rows": "how many other rows have exactly its values",
        "low_norm_tokens": "tokens with norm_z below −threshold",
        "zero_tokens": "tokens whose row is all zero",
        "nonfinite_tokens": "tokens whose row holds NaN or infinity",
        "equal_tokens": "tokens whose row equals another",
    },
    headline=Series("norm_z"),
    shown=(
        *map(Series, ("zero_tokens", "nonfinite_tokens", "equal_tokens", "low_norm_tokens")),
        Series("mean_cosine", "median"),
        Series("mean_cosine", "max"),
    ),
    view=View.ROLES,
    summaries={
        "norm_z": (Summary.SPREAD, Summary.QUANTILES),
        "mean_cosine": (Summary.SPREAD, Summary.QUANTILES),
    },
    options=(
        Setting(name="threshold", default=THRESHOLD, help="Robust z-score of a low norm."),
        Setting(
            name="unused",
            default="",
            help="Ids of tokens known to be unused, such as padding rows: 50257-50303.",
        ),
    ),
    source="Land and Bartolo, arXiv 2405.05417 (norm of E_input; cosine of E_output with known "
    "unused tokens); equal norms of nGPT: arXiv 2410.01131, section 2.6",
    followed={
        "low_norm_tokens": Followed(series=Series("low_norm_tokens"), label="tokens of low norm"),
    },
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((1, 0), (2, 0), (2, 0), (0, 4), (0, 0)),
            values={
                # Logarithms 0, 1, 1, 2 in units of ln 2: median 1, MAD 1/2.
                "norm_z": (-2 / 1.4826, 0, 0, 2 / 1.4826, math.nan),
                "mean_cosine": (*[3 / 10**0.5] * 3, 1 / 10**0.5),
                "equal_rows": (0, 1, 1, 0, 0),
                "low_norm_tokens": 0,
                "zero_tokens": 1,
                "nonfinite_tokens": 0,
                "equal_tokens": 2,
            },
        ),
        Known(
            role=Role.E_INPUT,
            weight=((1, 0), (0, 4), (3, 4)),
            options={"unused": "1"},
            values={"unused_cosine": (0, 1, 0.8)},
        ),
    ),
    usual="no zero or equal rows but those that fill up the vocabulary",
    alarming="`nonfinite_tokens`; tokens far below the rest that text does contain",
    random="`norm_z` is a z-score: of normal logarithms 1 in 370 lies beyond ± 3, "
    "half of them below",
)
