"""How the embeddings fill their space: covariance eigenvalues and isotropy (Figure 4, middle)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._measure import (
    QUICK,
    Cost,
    Followed,
    Known,
    Measure,
    Setting,
    Summary,
    Values,
    View,
    estimated,
    numbered,
    skipped,
)
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight

MADE_OF_ALL = 3
"""Samples up to which a quick look takes all rows: that costs about as much as errors of one do."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the eigenvalues, also over their median, and five scalars."""
    from ngpt_inspect.numerics import clouds, directions
    from ngpt_inspect.numerics.sampled_cloud import WIDEST, rows_of_spectrum
    from ngpt_inspect.numerics.spectra import unit_scale

    values, width = weight.values(device), weight.shape[1]
    samples = len(values) / rows_of_spectrum(width) if options["quick"] else 0.0
    if samples > MADE_OF_ALL or (samples > 1 and width > WIDEST):
        yield from _sampled(values, centred=not options["uncentred"])
        return
    scale = unit_scale(values)
    covariance = clouds.covariance_matrix(values, scale=scale)
    second_moment = clouds.about_origin(covariance, clouds.row_mean(values) * scale)
    about_mean = clouds.eigenvalues_of(covariance)
    uncentred = options["uncentred"]
    shown = clouds.eigenvalues_of(second_moment) if uncentred else about_mean
    yield from _eigenvalues(shown, values.shape, scale, centred=not uncentred)
    yield Values(measure="mean_norm", value=float(directions.row_norms(values).mean()))
    yield Values(measure="anisotropy", value=directions.anisotropy(values))
    yield from _no_isotropy() if samples > 1 else _isotropy(values, second_moment)
    yield _iso_score(about_mean, len(values))


def _isotropy(values: torch.Tensor, second_moment: torch.Tensor) -> Iterable[Values]:
    """Yield the isotropy of the rows, along the axes of their second moment, and of unit rows."""
    from ngpt_inspect.numerics import clouds
    from ngpt_inspect.numerics.cores import at_once

    moments = second_moment, clouds.gram_of_directions(values)
    axes, unit_axes = at_once(*(partial(clouds.axes_of, each) for each in moments))
    ratio = clouds.isotropy(values, axes=axes)
    why = "below the smallest float64: rows this long; see unit_isotropy"
    yield Values(measure="isotropy", value=ratio) if ratio else skipped("isotropy", why)
    yield Values(measure="unit_isotropy", value=clouds.isotropy(values, unit=True, axes=unit_axes))


def _no_isotropy() -> Iterable[Values]:
    for name in ("isotropy", "unit_isotropy"):
        yield skipped(name, "an extreme over directions, which no sample tells: leave --quick out")


def _eigenvalues(
    scaled: torch.Tensor, shape: tuple[int, ...], scale: float, *, centred: bool
) -> Iterable[Values]:
    """Yield the eigenvalues that rank leaves, plain and over their median, and name the others."""
    from ngpt_inspect.numerics.leading import above_rounding

    n_rows, width = shape
    rank = above_rounding(scaled, max(n_rows, width))
    kept = scaled[:rank]
    missing = (
        f"{width - rank} of {width} eigenvalues are zero: {n_rows} rows"
        f"{' about their mean' if centred else ''} span {rank} dimensions"
    )
    plain = kept / scale / scale
    if rank and not (plain.isfinite().all() and (plain > 0).all()):
        yield skipped("covariance_eigenvalue", "squares of these values are beyond float64")
    else:
        yield numbered("covariance_eigenvalue", plain)
    # not a number to be drawn: a zero by rank comes out of rounding, of either sign
    if rank < width:
        yield skipped("covariance_eigenvalue", missing)
    if not rank:
        yield skipped("covariance_eigenvalue_over_median", missing)
        return
    why = "" if rank == width else f"median of {rank}; {missing}"
    yield numbered("covariance_eigenvalue_over_median", kept / kept.quantile(0.5), reason=why)


def _sampled(values: torch.Tensor, *, centred: bool) -> Iterable[Values]:
    """Yield estimates from some rows with their standard errors, and what no sample tells."""
    from ngpt_inspect.numerics.sampled_cloud import WIDEST, rows_of_spectrum, sampled_cloud

    count, width = values.shape
    found = sampled_cloud(values, rows_of_spectrum(width), centred=centred)
    of = f"{found.rows} of {count} rows"
    if found.eigenvalues is None:
        for name in ("covariance_eigenvalue_over_median", "isoscore"):
            yield skipped(name, f"no quick look at more than {WIDEST} columns: leave --quick out")
    else:
        curve, errors = found.eigenvalues.value, found.eigenvalues.error
        for each in _eigenvalues(curve, (found.rows, width), found.scale, centred=centred):
            ok = each.status is Status.OK
            yield replace(each, status=Status.SAMPLED, reason=of) if ok else each
        middle = curve.quantile(0.5)
        over = (errors.square() + (curve / middle * errors.quantile(0.5)).square()).sqrt() / middle
        for name, column in (
            ("covariance_eigenvalue", errors / found.scale / found.scale),
            ("covariance_eigenvalue_over_median", over),
        ):
            yield numbered(name, column, statistic="standard_error")
    scalars = {"mean_norm": found.mean_norm, "anisotropy": found.anisotropy}
    if found.iso_score is not None:
        scalars["isoscore"] = found.iso_score
    for name, scalar in scalars.items():
        yield from estimated(name, float(scalar.value), float(scalar.error), of)
    yield from _no_isotropy()


def _iso_score(about_mean: torch.Tensor, n_rows: int) -> Values:
    from ngpt_inspect.numerics import clouds

    width = len(about_mean)
    if n_rows <= width:
        few = f"{n_rows} rows cannot fill {width} dimensions"
        return skipped("isoscore", f"{few}: the score would be one of their number")
    return Values(measure="isoscore", value=clouds.iso_score(about_mean))


MEASURE = Measure(
    name="embedding_spectrum",
    title="Embedding spectrum",
    summary="covariance eigenvalues over their median, mean norm, anisotropy, isotropy, IsoScore",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    cost=Cost(values=30, products=0.1, spectra=0.6),
    quantities={
        "covariance_eigenvalue": "eigenvalues of the rows' covariance matrix, largest first; the "
        "paper does not say whether it subtracts the mean: we do, --uncentred does not",
        "covariance_eigenvalue_over_median": "the same over their median, as the paper plots "
        "them; those that rank makes zero are no numbers and left out of both",
        "mean_norm": "mean ‖e‖₂",
        "anisotropy": "mean cosine of distinct rows (Ethayarajh 2019)",
        "isotropy": "min Z(c) / max Z(c), Z(c) = Σ exp(c·e) over the eigenvectors c of EᵀE, both "
        "signs (Mu & Viswanath 2018): as published, it falls as the rows grow longer",
        "unit_isotropy": "the same of the unit rows e/‖e‖: compares a GPT with an nGPT",
        "isoscore": "IsoScore of the centred cloud (Rudman et al. 2022)",
    },
    headline=Series("covariance_eigenvalue_over_median"),
    shown=tuple(map(Series, ("mean_norm", "anisotropy", "isotropy", "unit_isotropy", "isoscore"))),
    view=View.ROLES,
    summaries={"covariance_eigenvalue_over_median": (Summary.QUANTILES, Summary.LOG_HISTOGRAM)},
    options=(
        QUICK,
        Setting(name="uncentred", default=False, help="Do not subtract the mean embedding."),
    ),
    source="arXiv 2410.01131, Figure 4 (middle)",
    followed={
        "anisotropy": Followed(series=Series("anisotropy"), label="anisotropy"),
        "isotropy": Followed(series=Series("isotropy"), label="isotropy"),
        "isoscore": Followed(series=Series("isoscore"), label="IsoScore"),
    },
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((2, 0), (-2, 0), (0, 1), (0, -1)),
            values={
                "covariance_eigenvalue": (2, 0.5),
                "covariance_eigenvalue_over_median": (1.6, 0.4),
                "mean_norm": 1.5,
                "anisotropy": -1 / 3,
                "isotropy": (1 + math.cosh(1)) / (1 + math.cosh(2)),
                "unit_isotropy": 1,
                "isoscore": 8 / 17,  # of eigenvalues 4 : 1, by the formulas of Rudman et al.
            },
        ),
    ),
    usual="eigenvalues over their median from 0.1 to 10 (arXiv 2410.01131, Figure 4), the first "
    "ones beyond, to 90 at d = 16; anisotropy of 0 to 0.02 of input embeddings of their own, of "
    "0.3 to 0.75 of output embeddings and tied ones; an IsoScore of 0.5 to 0.8 of the former and "
    "of an nGPT, of 0.02 to 0.07 else",
    alarming="one eigenvalue far above all (a common direction), an anisotropy near 1",
    random="uniform points on the sphere: eigenvalues within (1 ± √(d / V))², anisotropy 0, "
    "an IsoScore near 1 where V is far above d (0.94 of 1,024 × 64, 0.57 of 1,024 × 768)",
    caution="`isotropy` as published falls as rows grow longer; `unit_isotropy` does not",
)
