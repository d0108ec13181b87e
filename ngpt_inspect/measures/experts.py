"""The experts of a mixture: how alike they are, how the router weighs them, which do nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

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
from ngpt_inspect.vocabulary import MatrixAxis, Role, Series
from ngpt_inspect.weights import Weight
from ngpt_inspect.wording import listed

MATRICES = (Role.W_U, Role.W_NU, Role.W_O_MLP)
ALIKE = 1 - 1e-12
"""Cosine from which on two experts are looked at value by value."""

Experts = Sequence[Sequence[Weight]]
"""Of each expert its matrices."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield what is said of the experts of the router's layer, as one mixture."""
    from ngpt_inspect.numerics.directions import row_norms
    from ngpt_inspect.numerics.finite import require_finite

    router = weight.values(device)
    require_finite(router)
    yield numbered("router_norm", row_norms(router))
    experts = _experts(weight)
    if len(experts) < 2:
        why = "fewer than two experts of one shape lie beside it"
        yield MEASURE.skipped(f"{weight.source}: {why}")
        return
    cosines, zero, equal = _compared(experts, device)
    yield from _pairs("expert_similarity", cosines, "an expert of zeros has no direction")
    overlaps, share, short = _overlaps(experts, options["directions"], device)
    yield from _pairs("expert_overlap", overlaps, listed(short))
    yield Values(measure="expert_overlap_random", value=share)
    yield from _dead(router, zero, equal)


def _experts(router: Weight) -> Experts:
    """Return the experts of the router's layer, in order; those shared by all tokens are none."""
    found: dict[int, list[Weight]] = {}
    for weight in router.model or ():
        if weight.layer == router.layer and weight.expert is not None and weight.role in MATRICES:
            found.setdefault(weight.expert, []).append(weight)
    experts = [found[number] for number in sorted(found)]
    shapes = {tuple(each.shape for each in matrices) for matrices in experts}
    return experts if len(shapes) == 1 else []


def _compared(
    experts: Experts, device: str
) -> tuple[torch.Tensor, Mapping[int, str], Mapping[int, int]]:
    """Return all cosines; which expert has a matrix of zeros; and which is whose copy."""
    from ngpt_inspect.numerics.experts import pair_cosines
    from ngpt_inspect.numerics.finite import require_finite

    zero: dict[int, str] = {}

    def read(number: int) -> torch.Tensor:
        values = [each.values(device) for each in experts[number]]
        for each, matrix in zip(experts[number], values, strict=True):
            require_finite(matrix)
            if not matrix.any():
                zero[number] = str(each.role)
        return torch.cat([matrix.flatten() for matrix in values])

    cosines = pair_cosines(read, len(experts))
    equal = {}
    for first, second in (cosines > ALIKE).triu(1).nonzero().tolist():
        if second not in equal and torch.equal(read(first), read(second)):
            equal[second] = first
    return cosines, zero, equal


def _overlaps(experts: Experts, k: int, device: str) -> tuple[torch.Tensor, float, Sequence[str]]:
    """Return the overlaps on the side of the hidden state, mean over the matrices, and k / d.

    NaN where a matrix has fewer than k directions; which have is returned too.
    """
    from ngpt_inspect.numerics.experts import leading_directions, span_overlaps

    total, width, short = None, 0, []
    k = min(k, *(size for each in experts[0] for size in each.shape))
    for number in range(len(experts[0])):
        bases = []
        for expert, matrices in enumerate(experts):
            values = matrices[number].values(device)
            writes = matrices[number].facts.unit_axis is MatrixAxis.COLUMNS
            basis = leading_directions(values.T if writes else values, k)
            rank = basis.shape[1]
            if rank < k:
                short.append(f"expert {expert}: {matrices[number].role} has rank {rank} below {k}")
                basis = basis.new_full((len(basis), k), math.nan)
            bases.append(basis)
        width = bases[0].shape[0]
        found = span_overlaps(torch.stack(bases))
        total = found if total is None else total + found
    assert total is not None, "an expert has a matrix"
    return total / len(experts[0]), k / width, short


def _pairs(name: str, square: torch.Tensor, undefined: str) -> Iterator[Values]:
    """Yield the numbers of all pairs, the lower number of an expert as the index; why some miss."""
    first, second = torch.triu_indices(len(square), len(square), 1)
    values = square.cpu()[first, second]
    known = ~values.isnan()
    yield numbered(name, values[known], index=first[known], partner=second[known])
    yield skipped(name, undefined, index=first[~known], partner=second[~known])


def _dead(
    router: torch.Tensor, zero: Mapping[int, str], equal: Mapping[int, int]
) -> Iterator[Values]:
    """Yield how many experts do nothing, or nothing of their own, and which."""
    unrouted = [row for row in range(len(router)) if not router[row].any()]
    said = dict.fromkeys(unrouted, "a router row of zeros")
    said |= {number: f"equal to expert {first}" for number, first in equal.items()}
    said |= {number: f"{role} of zeros" for number, role in zero.items()}
    reason = "; ".join(f"expert {number}: {said[number]}" for number in sorted(said))
    yield Values(measure="dead_experts", value=float(len(said)), reason=reason)


MEASURE = Measure(
    name="experts",
    title="Experts",
    summary="of each mixture: how alike its experts are, norms of the router's rows, dead experts",
    roles=(Role.W_ROUTER,),
    compute=compute,
    cost=Cost(values=3e5),  # of each value of the router stand rows of its experts
    beside=True,
    quantities={
        "expert_similarity": "cosine of two experts, all their matrices as one long vector; index "
        "and partner are their numbers",
        "expert_overlap": "mean squared cosine of the principal angles between the spans of the k "
        "leading singular vectors of two experts, on the side of the hidden state, mean over W_u, "
        "W_nu and W_oMLP; k is --directions; none where a matrix has a rank below k",
        "expert_overlap_random": "k / d: what it is between random spans",
        "router_norm": "‖row‖₂ of the router, index is the expert",
        "dead_experts": "experts with a matrix or a router row of zeros, or equal to another, "
        "value by value: what files alone can prove; `reason` names them",
    },
    headline=Series("expert_similarity"),
    shown=(
        *(Series("expert_similarity", name) for name in ("median", "max")),
        Series("expert_overlap", "median"),
        *(Series("router_norm", name) for name in ("min", "median", "max")),
        Series("dead_experts"),
    ),
    view=View.ROLES,
    summaries=dict.fromkeys(
        ("expert_similarity", "expert_overlap", "router_norm"), (Summary.SPREAD,)
    ),
    options=(
        Setting(name="directions", default=8, help="k: how many leading directions.", least=1),
    ),
    source="cosine of experts: Lo et al., arXiv 2406.18219, section 4.1; principal angles: Björck "
    "and Golub, doi 10.1090/S0025-5718-1973-0348991-3, theorem 1",
    followed={
        "expert_similarity": Followed(
            series=Series("expert_similarity", "median"), label="cosine of experts, median"
        ),
        "dead_experts": Followed(series=Series("dead_experts"), label="dead experts"),
    },
    known=(
        Known(
            role=Role.W_ROUTER,
            weight=((3, 4), (0, 0), (1, 0)),
            beside={
                Role.W_U: (((1, 0), (0, 0.5)), ((0, 2), (0.5, 0)), ((1, 0), (0, 0.5))),
                Role.W_O_MLP: (((2, 0), (0, 1)), ((2, 0), (0, 1)), ((2, 0), (0, 1))),
            },
            options={"directions": 1},
            values={
                "router_norm": (5, 0, 1),
                # Squares of lengths 6.25, 9.25, 6.25; W_oMLP alone has products, of 5.
                "expert_similarity": (5 / (6.25 * 9.25) ** 0.5, 1, 5 / (6.25 * 9.25) ** 0.5),
                # W_u reads along the axes x, y, x; W_oMLP writes along x.
                "expert_overlap": (1 / 2, 1, 1 / 2),
                "expert_overlap_random": 1 / 2,
                "dead_experts": 2,
            },
        ),
    ),
    usual="experts trained from scratch: similarities of −0.02 to 0.02, overlaps of 0.25 to 0.45, "
    "router norms within a factor of 2 or 3; copied from one MLP they begin at a similarity of 1",
    alarming="dead experts; a similarity near 1; a router row far shorter than the others",
    random="similarity 0 ± 1/√(values of an expert), overlap k / d",
    caution="an expert can be dead in another way than by zeros: the files do not say how often "
    "each is chosen",
)
