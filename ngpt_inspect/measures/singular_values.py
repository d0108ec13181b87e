"""Singular values of the attention and MLP matrices and the ranks they imply (Figures 11, 12)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._heads import spectra_of_heads, stacks, unknown_heads
from ngpt_inspect.measures._measure import (
    Cost,
    Followed,
    Known,
    Measure,
    Summary,
    Values,
    numbered,
    skipped,
)
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield every singular value, three ranks and their baselines, per head and whole."""
    yield from unknown_heads(weight, "singular_value")
    for heads, matrices in stacks(weight, weight.values(device)):
        found = spectra_of_heads(weight, heads, matrices)
        for head, s_n in zip(heads, found.values_Hn, strict=True):
            yield from _of_spectrum(s_n, matrices.shape[1], matrices.shape[2], head)


def _of_spectrum(s_n: torch.Tensor, m: int, n: int, head: int | None) -> Iterable[Values]:
    """Yield a spectrum, its ranks, and both beside a matrix of independent entries."""
    from ngpt_inspect.numerics import spectra
    from ngpt_inspect.numerics.random_matrices import baseline

    random, count = baseline(m, n), len(s_n)
    # Those that are zero to float64 rounding are no numbers.
    zero = (s_n <= max(m, n) * 2.0**-52 * s_n[0]) & (s_n[0] > 0)
    rank = count - int(zero.sum())
    why = f"zero to float64 rounding: rank {rank}"
    yield numbered("singular_value", s_n[:rank], head=head)
    yield skipped("singular_value", why, head=head, index=np.arange(rank, count))
    ranks = {name: float(getattr(spectra, name)(s_n)) for name in _RANKS}
    for name, value in ranks.items():
        yield Values(measure=name, value=value, head=head)
    kappa = math.inf if rank < count else float(s_n[0] / s_n[-1])
    yield Values(
        measure="condition_number_ratio",
        value=kappa / random.kappa,
        head=head,
        status=Status.RANK_DEFICIENT if kappa == math.inf else Status.OK,
        reason="lost rank" if kappa == math.inf else "",
    )
    stable, effective = ranks["stable_rank"], ranks["effective_rank"]
    # Power by power, so that squares of very large or small values do not leave float64's range.
    deviation = float(s_n[0] * (stable / (m * n)) ** 0.5)
    outside = (s_n > random.upper * deviation) | (s_n < random.lower * deviation)
    found = {
        "stable_rank_ratio": stable / random.stable_rank,
        "effective_rank_ratio": effective / random.effective_rank,
        "stable_rank_share": stable / count,
        "effective_rank_share": effective / count,
        "spectral_entropy": math.log(effective) / math.log(count) if count > 1 else 1.0,
        "random_edge": random.upper * deviation,
        "outside_count": float(outside.sum()),
        "outside_share": float(outside.double().mean()),
    }
    for name, value in found.items():
        yield Values(measure=name, value=value, head=head)


_RANKS = ("stable_rank", "participation_ratio", "effective_rank")
_RATIOS = ("condition_number_ratio", "stable_rank_ratio", "effective_rank_ratio")
_OF_EACH = (
    *_RANKS,
    *_RATIOS,
    *("stable_rank_share", "effective_rank_share", "spectral_entropy", "outside_share"),
)
"""Numbers that are compared over heads, layers and models."""

MEASURE = Measure(
    name="singular_values",
    title="Singular values",
    summary="whole spectra, with stable rank, participation ratio and effective rank",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    cost=Cost(products=0.045, spectra=0.1, heads=65),
    quantities={
        "singular_value": "σ, largest first, in float64 of the exact stored values; "
        "those that are zero to rounding are skipped",
        "stable_rank": "Σσ² / σ_max²",
        "participation_ratio": "(Σσ²)² / Σσ⁴",
        "effective_rank": "exp(−Σ p log p) with p = σ / Σσ (Roy & Vetterli 2007)",
        "condition_number_ratio": "κ over the median κ of a matrix of the shape with independent "
        "normal entries: of m × n, r = √(n/m), that tends to (1 + r) / (1 − r) from below (ends "
        "moved by the Tracy-Widom median); of n × n to 3.67 n (Edelman 1988)",
        "stable_rank_ratio": "stable rank over that of such a matrix, m n / σ_max²",
        "effective_rank_ratio": "effective rank over that of such a matrix, by the "
        "Marchenko-Pastur law",
        "stable_rank_share": "stable rank over min(m, n)",
        "effective_rank_share": "effective rank over min(m, n)",
        "spectral_entropy": "−Σ p log p over log min(m, n): 1 where all σ are equal",
        "random_edge": "‖W‖_F / √(m n) times the σ that such a matrix exceeds in 1 of 100 cases, "
        "√m + √n and a Tracy-Widom share",
        "outside_count": "σ above that edge, or below its counterpart near |√m − √n|",
        "outside_share": "the same as a share of min(m, n)",
    },
    headline=Series("effective_rank"),
    shown=(Series("effective_rank", "median"),),
    summaries={
        "singular_value": (Summary.QUANTILES,),
        **dict.fromkeys(_OF_EACH, (Summary.HEADS,)),
    },
    pooled=dict.fromkeys(_OF_EACH, (Summary.HEADS,)),
    source="arXiv 2410.01131, Figures 11 and 12 (right); random matrices: Edelman 1988 "
    "(10.1137/0609045), theorem 6.1, and Johnstone 2001 (10.1214/aos/1009210544), theorem 1.1",
    followed={
        f"{rank}_rank": Followed(
            series=Series(f"{rank}_rank", "median"), label=f"{rank} rank, median"
        )
        for rank in ("effective", "stable")
    }
    | {
        "condition_number_ratio": Followed(
            series=Series("condition_number_ratio", "median"),
            label="κ / random κ, median",
            log=True,
        ),
        "effective_rank_ratio": Followed(
            series=Series("effective_rank_ratio", "median"),
            label="rank / random rank",
        ),
        "outside_share": Followed(
            series=Series("outside_share", "median"), label="share of σ outside"
        ),
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
                "stable_rank_share": (5 / 9, 0.5, 11 / 27),
                "effective_rank_share": (2 / 3**0.75, 0.5, 5 / 3**1.6),
                "spectral_entropy": (
                    2 - 0.75 * math.log2(3),
                    0,
                    math.log(5) / math.log(3) - 0.6,
                ),
            },
        ),
        Known(
            role=Role.W_U,
            weight=((3, 0, 0, 0), (0, 1, 0, 0)),
            values={
                # By adaptive integration of the Marchenko-Pastur density, in 30 digits.
                "condition_number_ratio": 1.00000238277191524621,
                "stable_rank_ratio": 0.97850450749335942359,
                "effective_rank_ratio": 0.94744346414791470128,
                "random_edge": 4.87502370849368528059,
                "outside_count": 0,
                "outside_share": 0,
            },
        ),
    ),
    usual="a curve without a cliff at its low end; an effective rank of 0.6 to 1 of that of a "
    "random matrix, in an nGPT of 0.88 to 1, in heads of a decayed GPT from 0.35; of σ outside of "
    "the random bulk 0 to 30 % in an nGPT, 0 to 85 % in a GPT",
    alarming="a cliff of several decades, an effective rank below half of the short side, or all "
    "ratios still at 1 late in training: the matrix has hardly left its initialisation",
    random="the ratios near 1, nearer the larger and longer a matrix is. κ: within 3 % in 9 of 10 "
    "heads of 64 × 1024, within 10 % of 32 × 128, from 0.33 to 11 of square ones; a median of only "
    "0.65 to 0.85 where the sides differ by 1 or 2 (5 × 4, 17 × 16, 64 × 63, 65 × 63), of 0.94 at "
    "68 × 64. Effective rank: within 2 % of 64 × 64, of 16 × 16 0.99 (0.95 to 1.03), of 5 × 4 0.98 "
    "(0.84 to 1.08); stable rank: within 8 % of 64 × 64, within 20 % of 16 × 16; no σ outside in "
    "98 of 100",
    caution="the gauge of `condition_number`",
)
