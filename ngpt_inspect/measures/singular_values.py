"""Singular values of the attention and MLP matrices and the ranks they imply (Figures 11, 12)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures._heads import stacks, unknown_heads
from ngpt_inspect.measures._measure import Followed, Known, Measure, Summary, Values, numbered
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    import torch


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield every singular value and three ranks, per head and whole."""
    from ngpt_inspect.numerics import spectra

    yield from unknown_heads(weight, "singular_value")
    for heads, matrices in stacks(weight, weight.values(device)):
        for head, s_n in zip(heads, spectra.singular_values(matrices), strict=True):
            yield _spectrum(s_n, head, max(matrices.shape[1:]))
            for name in ("stable_rank", "participation_ratio", "effective_rank"):
                yield Values(measure=name, value=float(getattr(spectra, name)(s_n)), head=head)


def _spectrum(s_n: torch.Tensor, head: int | None, longest: int) -> Values:
    """Return the singular values; those that are zero to float64 rounding are no numbers."""
    import numpy as np

    found = numbered("singular_value", s_n, head)
    column = np.asarray(found.value)
    zero = (column <= longest * 2.0**-52 * column[0]) & (column[0] > 0)
    if not zero.any():
        return found
    return replace(
        found,
        value=np.where(zero, np.nan, column),
        status=np.where(zero, Status.SKIPPED, found.status),
        reason=np.where(zero, f"zero to float64 rounding: rank {int((~zero).sum())}", ""),
    )


_RANKS = ("stable_rank", "participation_ratio", "effective_rank")

MEASURE = Measure(
    name="singular_values",
    title="Singular values",
    summary="whole spectra, with stable rank, participation ratio and effective rank",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    quantities={
        "singular_value": "σ, largest first, in float64 of the exact stored values; "
        "those that are zero to rounding are skipped",
        "stable_rank": "Σσ² / σ_max²",
        "participation_ratio": "(Σσ²)² / Σσ⁴",
        "effective_rank": "exp(−Σ p log p) with p = σ / Σσ (Roy & Vetterli 2007)",
    },
    headline=Series("effective_rank"),
    shown=(Series("effective_rank", "median"),),
    summaries={
        "singular_value": (Summary.QUANTILES,),
        **dict.fromkeys(_RANKS, (Summary.HEADS,)),
    },
    pooled=dict.fromkeys(_RANKS, (Summary.HEADS,)),
    source="arXiv 2410.01131, Figures 11 and 12 (right)",
    followed={
        f"{rank}_rank": Followed(
            series=Series(f"{rank}_rank", "median"), label=f"{rank} rank, median"
        )
        for rank in ("effective", "stable")
    },
    known=(
        Known(
            role=Role.W_K,
            weight=((3, 0, 0), (0, 0, 1), (0, 1, 0), (0, 0, 0)),
            heads=2,
            values={
                "singular_value": (3, 1, 1, math.nan, 3, 1, 1),
                "stable_rank": (10 / 9, 1, 11 / 9),
                "participation_ratio": (100 / 82, 1, 121 / 83),
                "effective_rank": (4 / 3**0.75, 1, 5 / 3**0.6),
            },
        ),
    ),
    usual="a curve without a cliff at its low end; an effective rank of 0.7 to 0.95 of the short "
    "side",
    alarming="a cliff of several decades, or an effective rank below half of the short side",
    random="the Marchenko-Pastur law, between |√m − √n| and √m + √n deviations of an entry; "
    "`spectra_baselines` compares with it",
    caution="the gauge of `condition_number`",
)
