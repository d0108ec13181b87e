"""The nearest other token of every token, and how many are almost the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import InspectError
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
    numbered,
    skipped,
)
from ngpt_inspect.measures._pairs import of_pairs
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.neighbours import Closest

DUPLICATE = 0.95
"""Independent directions are far below: of 2048 random rows at d = 128 no two have a cosine above
0.45 (5 seeds). What training has only pushed all the same way is above: see docs/tokens.md."""


def wants(options: Mapping[str, Any]) -> tuple[Closest, ...]:
    """Return what it takes of all pairs of rows: nothing where a sample is asked for."""
    from ngpt_inspect.numerics.neighbours import Closest

    return () if options["quick"] else (Closest(duplicate=options["duplicate"]),)


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield nearest cosine with its partner, and near-duplicates, of every row."""
    if options["quick"]:
        yield from _sampled(weight, options, device)
        return
    (found,) = of_pairs(weight, device, wants(options))
    unknown = found.cosine_V.isnan()
    ids, lost = (which.nonzero().squeeze(1) for which in (~unknown, unknown))
    yield numbered("nearest_cosine", found.cosine_V[ids], index=ids, partner=found.partner_V[ids])
    why = f"{weight.source}: a row of norm zero, or alone, has no cosine"
    yield skipped("nearest_cosine", why, index=lost)
    rule = f"cosine of at least {options['duplicate']:g}"
    yield numbered("near_duplicates", found.duplicates_V)
    n_close = int((found.duplicates_V > 0).sum())
    yield Values(measure="near_duplicate_tokens", value=float(n_close), reason=rule)
    yield Values(measure="near_duplicate_share", value=n_close / len(unknown), reason=rule)


def _sampled(weight: Weight, options: Mapping[str, Any], device: str) -> Iterator[Values]:
    """Yield the same of some tokens, each compared with all others, and standard errors."""
    from ngpt_inspect.numerics.sampled_pairs import ASKING, sampled_nearest
    from ngpt_inspect.numerics.sampling import left_to_chance, quantile_errors, share_error

    found = sampled_nearest(weight.values(device), options["duplicate"], ASKING)
    n, count = len(found.ids_K), weight.shape[0]
    if not n:
        raise InspectError(
            "no row that was drawn has another to compare it with", next_step="leave --quick out"
        )
    chance = left_to_chance(n, count)
    status = Status.SAMPLED if chance else Status.OK
    reason = f"{n} of {count} tokens, each against all others" if chance else ""
    said = {"index": found.ids_K, "status": status, "reason": reason}
    cosine, close = found.cosine_K.cpu(), found.duplicates_K
    yield numbered("nearest_cosine", cosine, partner=found.partner_K, **said)
    errors = quantile_errors(cosine, torch.linspace(0, 1, 1001), chance)
    yield numbered("nearest_cosine", errors, statistic="quantile_standard_error", reason=reason)
    yield numbered("near_duplicates", close, **said)
    hits = int((close > 0).sum())
    error = share_error(hits, n, chance)
    rule = f"cosine of at least {options['duplicate']:g}"
    for name, times in (("near_duplicate_tokens", count), ("near_duplicate_share", 1)):
        told = f"{rule}; {reason}; standard error {times * error:.2g}" if chance else rule
        share = Values(measure=name, value=times * hits / n, status=status, reason=told)
        yield share
        yield replace(share, statistic="standard_error", value=times * error, status=Status.OK)


MEASURE = Measure(
    name="nearest_tokens",
    title="Nearest tokens",
    summary="for every token the other one of largest cosine, and its near-duplicates",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    cost=Cost(pairs=13),
    wants=wants,
    quantities={
        "nearest_cosine": "max over j ≠ i of cos(e_i, e_j), with j as the partner; every pair is "
        "looked at, in float32: of rows whose cosines agree to 1e-7 any may be j; with --quick "
        "those of some tokens i drawn at random, still over all j, and the "
        "quantile_standard_error of their curve",
        "near_duplicates": "how many other rows have a cosine of at least --duplicate with it",
        "near_duplicate_tokens": "tokens with at least one near-duplicate",
        "near_duplicate_share": "the same as a share of all rows",
    },
    headline=Series("nearest_cosine"),
    shown=(
        *(Series("nearest_cosine", name) for name in ("min", "median", "max")),
        Series("near_duplicate_tokens"),
        Series("near_duplicate_share"),
    ),
    view=View.ROLES,
    summaries={"nearest_cosine": (Summary.SPREAD, Summary.QUANTILES)},
    options=(
        QUICK,
        Setting(
            name="duplicate",
            default=DUPLICATE,
            help="Cosine from which on two tokens are near-duplicates.",
        ),
    ),
    source="cosines of the rows of arXiv 2410.01131, Figure 4; not a figure of the paper",
    followed={
        "near_duplicate_share": Followed(
            series=Series("near_duplicate_share"), label="share with a near-duplicate"
        ),
    },
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((3, 4), (8, 6), (-4, 3), (0, 0)),
            values={
                "nearest_cosine": (0.96, 0.96, 0, math.nan),
                "near_duplicates": (1, 1, 0, 0),
                "near_duplicate_tokens": 2,
                "near_duplicate_share": 0.5,
            },
        ),
    ),
    usual="medians of 0.35 to 0.6 of input embeddings of their own, of 0.85 to 1 of output "
    "embeddings and tied ones, where most tokens are rare and lie together",
    alarming="many near-duplicates: tokens that training never told apart",
    random="uniform points on the sphere: somewhat below √(2 ln V / d): medians of "
    "0.37 of 512 × 64 (0.44), 0.44 of 5,000 × 64 (0.52), 0.16 of 4,000 × 512 (0.18)",
)
