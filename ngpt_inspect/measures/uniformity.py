"""How evenly the directions of the embeddings cover the sphere, against points that do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

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
)
from ngpt_inspect.measures._pairs import of_pairs
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.spread import Covering


def wants(options: Mapping[str, Any]) -> tuple[Covering, ...]:
    """Return what it takes of all pairs of rows."""
    from ngpt_inspect.numerics.spread import Covering

    return (Covering(options["nearest"]),)


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield uniformity, distance from the law of uniform points, hubness, intrinsic dimension."""
    from ngpt_inspect.numerics.sphere_law import uniform_potential, uniform_two_nn
    from ngpt_inspect.numerics.spread import skewness

    (found,) = of_pairs(weight, device, wants(options))
    if found is None:
        why = "it takes three rows of nonzero norm, and two columns"
        yield MEASURE.skipped(f"{weight.source}: {why}")
        return
    count, (n_rows, width) = len(found.ids_N), weight.shape
    zero = n_rows - count
    left_out = f"{zero} rows of norm zero left out" if zero else ""
    yield Values(measure="uniformity", value=found.potential, reason=left_out)
    yield Values(measure="uniformity_random", value=uniform_potential(width))
    binned = f"no more than {found.distance_error:.1g} too small" if found.distance_error else ""
    yield Values(measure="cosine_distance", value=found.distance, reason=binned)
    yield numbered("k_occurrence", found.occurrences_N, index=found.ids_N)
    fewer = f"k is {found.k}: there are no more rows" if found.k < options["nearest"] else ""
    yield Values(measure="hubness", value=skewness(found.occurrences_N), reason=fewer)
    near = f"{found.unresolved} rows that equal another, or lie within {found.reach:.1g} of it"
    left_out = f"{near}, left out: rounding decides which is nearer" if found.unresolved else ""
    yield Values(measure="intrinsic_dimension", value=found.dimension, reason=left_out)
    yield Values(measure="intrinsic_dimension_random", value=uniform_two_nn(width, count))


MEASURE = Measure(
    name="uniformity",
    title="Uniformity",
    summary="how evenly the directions of the embeddings cover the sphere; hubs, dimension",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    cost=Cost(pairs=44),
    wants=wants,
    quantities={
        "uniformity": "ln of the mean of exp(−2 ‖x − y‖²) over all pairs of unit rows",
        "uniformity_random": "the same of uniform points on the sphere of that dimension: "
        "ln ₀F₁(; d/2; 4) − 4",
        "cosine_distance": "Kolmogorov-Smirnov distance max |F(c) − G(c)| of the cosines of all "
        "pairs from the law of uniform points, (1 + c)/2 ~ Beta((d−1)/2, (d−1)/2)",
        "k_occurrence": "N_k, of how many other tokens a token is among the k nearest by cosine",
        "hubness": "skewness of N_k over all tokens (Radovanović et al. 2010)",
        "intrinsic_dimension": "TwoNN of unit rows: 1 / mean ln(r₂ / r₁), distances to the nearest "
        "and the second nearest (Facco et al. 2017), over the rows whose nearest is further "
        "off than rounding of products",
        "intrinsic_dimension_random": "the same expected of as many uniform points on the sphere: "
        "far below d, as so few points are far apart",
    },
    headline=Series("uniformity"),
    shown=tuple(map(Series, ("uniformity", "cosine_distance", "hubness", "intrinsic_dimension"))),
    view=View.ROLES,
    summaries={"k_occurrence": (Summary.SPREAD, Summary.QUANTILES)},
    options=(
        Setting(name="nearest", default=10, help="k: how many neighbours are counted.", least=1),
    ),
    source="Wang and Isola, arXiv 2005.10242, section 4.1.2; hubness: Radovanović, Nanopoulos "
    "and Ivanović, https://jmlr.org/papers/v11/radovanovic10a.html, section 3.1; dimension: Facco "
    "et al., doi 10.1038/s41598-017-11873-y, equation 5",
    followed={
        "uniformity": Followed(series=Series("uniformity"), label="uniformity"),
        "cosine_distance": Followed(
            series=Series("cosine_distance"), label="distance from uniform cosines"
        ),
        "hubness": Followed(series=Series("hubness"), label="hubness"),
    },
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((1, 0), (0, 3), (-2, 0)),
            options={"nearest": 1},
            values={
                "uniformity": math.log((2 * math.exp(-4) + math.exp(-8)) / 3),
                # In the plane the mean of exp(4 cos t) is the Bessel function I0(4).
                "uniformity_random": math.log(11.301921952136330) - 4,
                "cosine_distance": 1 / 2,  # below cosine 1: all are at most 0, where half should be
                # Ratios of distances: √2 twice, 1 once.
                "intrinsic_dimension": 3 / math.log(2),
            },
        ),
        Known(
            role=Role.E_INPUT,
            # At angles 0, 1, 3 and 6 the nearest are the rows 1, 0, 1 and 2.
            weight=tuple(
                (math.cos(math.pi * at / 20), math.sin(math.pi * at / 20)) for at in (0, 1, 3, 6)
            ),
            options={"nearest": 1},
            values={"k_occurrence": (1, 2, 1, 0), "hubness": 0},
        ),
        Known(
            role=Role.E_INPUT,
            weight=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
            dtype="F32",  # computed on a grid: to 1e-7
            # Shares u of nearer points grow as r², and of two of them E ln(u₂ / u₁) is 1.
            values={"intrinsic_dimension_random": 2},
        ),
    ),
    usual="cosine_distance of 0.007 to 0.06 of input embeddings of their own, of 0.36 to 0.97 of "
    "output embeddings and tied ones, also in nGPT: clusters; hubness of −0.2 to 5",
    alarming="uniformity near 0: all rows point one way; a hubness of 10 or more: a few tokens are "
    "neighbours of everything",
    random="uniform points: `uniformity_random` (about −4), a distance of 0 "
    "(below 0.006 of 256 points and more), a hubness near 1/√k, as were neighbours drawn by lot "
    "(k = 10: medians of 0.15 to 0.32, single sets of 512 points −0.06 to 0.5), "
    "`intrinsic_dimension_random`",
    caution="intrinsic dimensions compare only among vocabularies of about one size; products are "
    "in float32 where there are more than 2,896 rows, and among rows that these do not tell "
    "apart (`intrinsic_dimension` says how many) rounding decides whose neighbours count",
)
