"""Dot products between all pairs of embeddings, raw and cosine (Figure 4, right)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.numpy import np
from ngpt_inspect.measures._measure import (
    QUICK,
    Cost,
    Followed,
    Known,
    Measure,
    Setting,
    Values,
    View,
    estimated,
    numbered,
    skipped,
)
from ngpt_inspect.measures._pairs import of_pairs
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.pairwise import Dots, Pair, PairwiseDots


def wants(options: Mapping[str, Any]) -> tuple[Dots, ...]:
    """Return what it takes of all pairs of rows: nothing where a sample is asked for."""
    return () if options["quick"] else _dots(options)


def _dots(options: Mapping[str, Any]) -> tuple[Dots, ...]:
    """Return raw products, then cosines."""
    from ngpt_inspect.numerics import sampling
    from ngpt_inspect.numerics.pairwise import BUDGET, Dots

    if options["quick"] and options["exact"]:
        raise WrongOption("quick is a sample, exact is none", next_step="give one of them")
    facts = {
        "bins": options["bins"],
        "n_extremes": options["extremes"],
        "exact": options["exact"],
        "budget": sampling.QUICK if options["quick"] else BUDGET,
    }
    return tuple(Dots(normalize=normalize, **facts) for normalize in (False, True))


LAW_PLACES = 200


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield rank curve, histogram, mean, spread and extreme pairs; raw, then cosines."""
    from ngpt_inspect.numerics.directions import row_norms

    for prefix, found in zip(("dot", "cosine"), _found(weight, options, device), strict=True):
        if found is None:
            norms = row_norms(weight.values(device))
            kind, n_rows = "", len(norms)
            if prefix == "cosine":
                kind, n_rows = " of nonzero norm", int((norms > 0).sum())
            reason = f"{weight.source}: a pair takes two rows{kind}, and it has {n_rows}"
            yield skipped(prefix, reason, statistic="mean")
        elif found.in_range:
            yield from _rows(prefix, found)
        else:
            norm = float(row_norms(weight.values(device)).max())
            reason = f"{weight.source}: products of rows of norm {norm:.3g} are beyond float64"
            yield skipped(prefix, reason, statistic="mean")
    yield from _law(weight.shape[1])


def _found(
    weight: Weight, options: Mapping[str, Any], device: str
) -> Sequence[PairwiseDots | None]:
    from ngpt_inspect.numerics.sampled_pairs import sampled_dots

    wanted = _dots(options)
    if options["quick"]:
        return sampled_dots(weight.values(device), wanted)
    return of_pairs(weight, device, wanted)


def _law(width: int) -> Iterator[Values]:
    """Yield the density of the cosines of uniform points, where they are: to five deviations."""
    from ngpt_inspect.numerics.sphere_law import cosine_law

    if width < 2:
        return
    reach = min(1.0, 5 / width**0.5)
    edges = np.linspace(-reach, reach, LAW_PLACES + 1)
    centres, heights = (edges[1:] + edges[:-1]) / 2, cosine_law(width).heights(edges)
    yield numbered("uniform_cosine", centres, statistic="density_at")
    yield numbered("uniform_cosine", heights, statistic="density")


def _rows(of: str, found: PairwiseDots) -> Iterator[Values]:
    status = Status.OK if found.exact else Status.SAMPLED
    sampled = f"from {found.pairs_measured:.3g} of {found.n_pairs:.3g} pairs"
    made = f"products in {found.dtype}"
    reason = made if found.exact else f"{sampled}; {made}"
    said = {"status": status, "reason": reason}
    yield numbered(of, found.quantiles, statistic="quantile", **said)
    yield Values(measure=of, statistic="quantile_error", value=found.quantile_error, reason=made)
    if found.quantile_standard_errors is not None:
        errors = found.quantile_standard_errors
        yield numbered(of, errors, statistic="quantile_standard_error")
    yield numbered(of, found.edges[:-1], statistic="bin_left")
    yield numbered(of, found.counts, statistic="bin_count", **said)
    # The mean over all pairs follows from |sum x|^2: exact beside a sample, unless of drawn rows.
    if found.mean_standard_error > 0:
        yield from estimated(of, found.mean, found.mean_standard_error, sampled, "mean", status)
    else:
        left_out = f"{found.zero_rows} rows of norm zero left out" if found.zero_rows else ""
        left_out *= of == "cosine"
        yield Values(measure=of, statistic="mean", value=found.mean, reason=left_out)
    if found.exact:
        yield Values(measure=of, statistic="std", value=found.std, reason=made)
    else:
        yield from estimated(of, found.std, found.std_standard_error, reason, "std")
    among = "" if found.exact else sampled
    yield _pairs(f"{of}_largest", found.largest, status, among)
    yield _pairs(f"{of}_smallest", found.smallest, status, among)


def _pairs(name: str, pairs: tuple[Pair, ...], status: Status, reason: str) -> Values:
    index = np.array([pair.first for pair in pairs])
    partner = np.array([pair.second for pair in pairs])
    said = {"index": index, "partner": partner, "status": status, "reason": reason}
    return numbered(name, [pair.value for pair in pairs], **said)


def _quantities(of: str, product: str) -> dict[str, str]:
    return {
        of: f"{product} over all V(V−1)/2 distinct pairs: mean, std, rank curve (quantile), its "
        "quantile_error from binning (none where values are sorted) and from the rounding of the "
        "products and, when it is from a sample, its standard errors (quantile_standard_error); "
        "histogram: bin_count pairs from bin_left on, in equal bins",
        f"{of}_largest": "the largest, with both token ids",
        f"{of}_smallest": "the smallest, with both token ids",
    }


MEASURE = Measure(
    name="dot_products",
    title="Pairwise dot products",
    summary="e_i · e_j over all pairs of embeddings, raw and cosine, with the extreme pairs",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    cost=Cost(pairs=24),
    wants=wants,
    quantities={
        **_quantities("dot", "e_i · e_j of the rows as they are"),
        **_quantities("cosine", "e_i · e_j of unit rows"),
        "uniform_cosine": "what cosines of uniform points on the sphere of that dimension would "
        "be, (1 + c)/2 ~ Beta((d−1)/2, (d−1)/2): density at density_at",
    },
    headline=Series("dot", "mean"),
    shown=tuple(Series(of, name) for of in ("dot", "cosine") for name in ("mean", "std")),
    view=View.ROLES,
    options=(
        QUICK,
        Setting(name="exact", default=False, help="Measure every pair, however long it takes."),
        Setting(name="bins", default=200, help="Most bins of the histogram.", least=1),
        Setting(name="extremes", default=10, help="How many extreme pairs to name.", least=1),
    ),
    source="arXiv 2410.01131, Figure 4 (right)",
    followed={
        f"{of}_mean": Followed(series=Series(of, "mean"), label=f"{words}, mean")
        for of, words in (("dot", "dot product"), ("cosine", "cosine"))
    },
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((3, 4), (4, -3), (6, 8), (0, 0)),
            values={
                "mean dot": 50 / 6,
                "std dot": 50 * 5**0.5 / 6,
                "dot_largest": (50, 0, 0, 0, 0, 0),
                "dot_smallest": (0, 0, 0, 0, 0, 50),
                "mean cosine": 1 / 3,
                "std cosine": 2**0.5 / 3,
                "cosine_largest": (1, 0, 0),
                "cosine_smallest": (0, 0, 1),
            },
        ),
        Known(
            role=Role.E_INPUT,
            weight=((1, 0, 0), (0, 1, 0)),
            # Slices of a sphere of equal height have equal areas (Archimedes).
            values={"density uniform_cosine": (1 / 2,) * LAW_PLACES},
        ),
    ),
    usual="mean cosines of 0 to 0.02 of input embeddings of their own, of 0.3 to 0.75 of output "
    "embeddings and tied ones (many tokens are rare and share a direction); deviations of 0.13 to "
    "0.55, above 1 / √d: clusters",
    alarming="a mean cosine near 1: all embeddings share a direction",
    random="uniform points on the sphere: cosines of mean 0 and deviation 1 / √d",
)
