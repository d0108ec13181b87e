"""Norms of each matrix, per head and whole: of all of its entries, and of what it can do."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._heads import stacks, unknown_heads
from ngpt_inspect.measures._measure import Cost, Followed, Known, Measure, Summary, Values, View
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight

NORMS = {
    "rms_to_rms_norm": "RMS-to-RMS norm",
    "spectral_norm": "spectral norm",
    "frobenius_norm": "Frobenius norm",
    "entry_rms": "RMS of entries",
}
"""Quantity -> how axes call it."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield four norms, per head and whole."""
    from ngpt_inspect.numerics.directions import row_norms
    from ngpt_inspect.numerics.extremes import spectral_norm
    from ngpt_inspect.numerics.finite import require_finite
    from ngpt_inspect.numerics.spectra import singular_values

    values = weight.values(device)
    require_finite(values)
    yield from unknown_heads(weight, "rms_to_rms_norm")
    for heads, matrices in stacks(weight, values):
        n_out, n_in = matrices.shape[1:]
        largest = (
            [spectral_norm(matrices[0])]
            if len(matrices) == 1
            else singular_values(matrices)[:, 0].tolist()
        )
        for head, matrix, sigma in zip(heads, matrices, largest, strict=True):
            frobenius = float(row_norms(row_norms(matrix).unsqueeze(0)))  # squares may leave range
            found = (
                sigma * math.sqrt(n_in / n_out),
                sigma,
                frobenius,
                frobenius / math.sqrt(n_in * n_out),
            )
            for name, value in zip(NORMS, found, strict=True):
                yield Values(measure=name, value=value, head=head)


MEASURE = Measure(
    name="matrix_norms",
    title="Norms of matrices",
    summary="Frobenius, RMS, spectral and RMS-to-RMS norm of every matrix, per head and whole",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    cost=Cost(values=30, products=0.03, heads=40),
    quantities={
        "rms_to_rms_norm": "σ_max √(d_in / d_out): the most by which it can raise the root mean "
        "square of a vector",
        "spectral_norm": "σ_max, the largest singular value",
        "frobenius_norm": "‖W‖_F = √(Σ w²)",
        "entry_rms": "‖W‖_F / √(d_in d_out), the root mean square of its entries",
    },
    headline=Series("rms_to_rms_norm"),
    shown=tuple(Series(name, "median") for name in NORMS),
    view=View.ROLES,
    summaries=dict.fromkeys(NORMS, (Summary.HEADS,)),
    pooled=dict.fromkeys(NORMS, (Summary.HEADS,)),
    source="Yang, Simon and Bernstein, arXiv 2310.17813, definition 1 (natural norms, RMS to RMS)",
    followed={
        name: Followed(
            series=Series(name, "median"),
            label=f"{words}, median",
            log=True,
        )
        for name, words in NORMS.items()
    },
    known=(
        Known(
            role=Role.W_K,
            weight=((3, 4, 0, 0), (0, 0, 0, 0), (0, 0, 2, 0), (0, 0, 0, 1)),
            heads=2,
            values={
                "rms_to_rms_norm": (5 * 2**0.5, 2 * 2**0.5, 5),
                "spectral_norm": (5, 2, 5),
                "frobenius_norm": (5, 5**0.5, 30**0.5),
                "entry_rms": (5 / 8**0.5, (5 / 8) ** 0.5, (30 / 16) ** 0.5),
            },
        ),
    ),
    usual="an nGPT holds every Frobenius norm at √(number of unit vectors) at every step, and so "
    "do optimisers on a hyperball; a GPT's grow early and turn with the learning rate; RMS-to-RMS "
    "norms of 0.1 to 5, of 15 where one direction leads",
    alarming="one matrix that grows on while the others have stopped, or a spectral norm that "
    "grows alone: a single direction takes over; weight decay that shrinks a matrix step by step",
    random="entries of deviation s: ‖W‖_F = s √(m n), σ_max = s (√m + √n), RMS-to-RMS "
    "s √d_in (1 + √(d_in / d_out))",
    caution="in a GPT a norm gain can take over any factor of the matrices that read it; scale "
    "only counts together with it (`circuits`)",
)
