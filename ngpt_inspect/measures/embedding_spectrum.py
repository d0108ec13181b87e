"""How the embeddings fill their space: covariance eigenvalues and isotropy (Figure 4, middle)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import (
    Measure,
    Option,
    Summary,
    Values,
    View,
    numbered,
)
from ngpt_inspect.vocabulary import Kind, Status, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the eigenvalues, also over their median, and four scalars."""
    from ngpt_inspect.numerics import clouds, directions
    from ngpt_inspect.numerics.finite import require_finite

    values = weight.values(device)
    require_finite(values)
    centred = not options["uncentred"]
    eigenvalues = clouds.covariance_eigenvalues(values, centred=centred)
    yield numbered("covariance_eigenvalue", eigenvalues)
    median = eigenvalues.quantile(0.5)
    if median > 0:
        yield numbered("covariance_eigenvalue_over_median", eigenvalues / median)
    else:
        yield Values(
            measure="covariance_eigenvalue_over_median",
            value=float("nan"),
            status=Status.SKIPPED,
            reason="the median eigenvalue is zero: the rows span less than half of the space",
        )
    mean_norm = float(directions.row_norms(values).mean())
    yield Values(measure="mean_norm", value=mean_norm)
    yield Values(measure="anisotropy", value=directions.anisotropy(values))
    yield Values(measure="isotropy", value=clouds.isotropy(values))
    about_mean = eigenvalues if centred else clouds.covariance_eigenvalues(values)
    yield Values(measure="isoscore", value=clouds.iso_score(about_mean))


MEASURE = Measure(
    name="embedding_spectrum",
    title="Embedding spectrum",
    summary="covariance eigenvalues over their median, mean norm, anisotropy, isotropy, IsoScore",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    quantities={
        "covariance_eigenvalue": "eigenvalues of the rows' covariance matrix, largest first; the "
        "paper does not say whether it subtracts the mean: we do, --uncentred does not",
        "covariance_eigenvalue_over_median": "the same over their median, as the paper plots them",
        "mean_norm": "mean ‖e‖₂",
        "anisotropy": "mean cosine of distinct rows (Ethayarajh 2019)",
        "isotropy": "min Z(c) / max Z(c), Z(c) = Σ exp(c·e) over the eigenvectors c of EᵀE "
        "(Mu & Viswanath 2018)",
        "isoscore": "IsoScore of the centred cloud (Rudman et al. 2022)",
    },
    headline="covariance_eigenvalue_over_median",
    shown=("mean_norm", "anisotropy", "isotropy", "isoscore"),
    view=View.ROLES,
    summaries={"covariance_eigenvalue_over_median": (Summary.QUANTILES, Summary.LOG_HISTOGRAM)},
    options=(Option(name="uncentred", default=False, help="Do not subtract the mean embedding."),),
    source="arXiv 2410.01131, Figure 4 (middle)",
)
