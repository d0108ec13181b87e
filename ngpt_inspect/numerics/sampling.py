"""Drawing rows at random, and how far what they tell may be off.

Shapes: N or K values of rows that were drawn, G groups of them, Q quantile levels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.directions import known_directions
from ngpt_inspect.numerics.finite import row_blocks

QUICK = 4e9
"""Floating-point operations of a quick look: most of its second goes into what is done beside."""


def drawn(count: int, size: float, seed: int = 0) -> torch.Tensor:
    """Return `size` of `count` row numbers, each as likely, ascending; all where there are less."""
    if size >= count:
        return torch.arange(count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[: int(size)].sort().values


def left_to_chance(n: int, count: int) -> float:
    """Share of the variance of a mean that drawing n of `count` without replacement leaves."""
    return 1 - n / count


@dataclass(frozen=True)
class Estimate:
    """A number, or a column of them, from a sample."""

    value: torch.Tensor
    error: torch.Tensor
    """Its standard error, with the correction of the bias counted in full."""


def extrapolated(
    whole: torch.Tensor,
    groups: Sequence[torch.Tensor],
    chance: float,
    unbiased: Sequence[torch.Tensor] | None = None,
) -> Estimate:
    """Take off a bias that falls as one over the number of rows, by a sample and groups of it.

    Groups of N / G rows are off by G times as much as the sample is by the size of it, so the
    difference tells that bias: b = (mean of groups - whole) / (G - 1), times `chance`. The error is
    sqrt(b^2 + s^2), with s from the spread of groups: of `unbiased` ones where these are better.
    Of a bias that falls off more slowly, as at the ends of a spectrum, b is the size.
    """
    parts = torch.stack(list(groups))
    bias = (parts.mean(0) - whole) * chance / (len(parts) - 1)
    alike = parts if unbiased is None else torch.stack(list(unbiased))
    spread = alike.var(0) * chance / len(alike)
    return Estimate(whole - bias, (bias.square() + spread).sqrt())


def sampled_mean(column_N: torch.Tensor, chance: float) -> Estimate:
    """Return the mean of a column with its standard error."""
    return Estimate(column_N.mean(), (column_N.var() * chance / len(column_N)).sqrt())


def mean_product_error(rows_ND: torch.Tensor, chance: float, *, unit: bool) -> float:
    """Return the standard error of the mean x_i . x_j over pairs of drawn rows, a U-statistic.

    Of their cosines if `unit`, where rows of norm zero are left out.
    2 / sqrt(N) times the deviation of h_i, the mean product of row i with the others (Hoeffding
    1948, doi 10.1214/aoms/1177730196, theorem 7.1).
    """
    wide = known_directions if unit else torch.Tensor.double
    sum_D = torch.stack([wide(rows).sum(0) for rows in row_blocks(rows_ND)]).sum(0)
    blocks = map(wide, row_blocks(rows_ND))
    products_N = torch.cat([torch.linalg.vecdot(rows, sum_D - rows) for rows in blocks])
    return 2 * float(sampled_mean(products_N / (len(products_N) - 1), chance).error)


def quantile_errors(values_K: torch.Tensor, levels_Q: torch.Tensor, chance: float) -> torch.Tensor:
    """Return standard errors of quantiles of independent values, from those beside them, (Q,).

    Half the distance between the quantiles one binomial deviation sqrt(q (1 - q) / K) below and
    above (Woodruff 1952, doi 10.2307/2280781); at the ends the step to the next value at least.
    """
    reach = (levels_Q * (1 - levels_Q) * chance / len(values_K)).sqrt()
    reach = reach.clamp_min(chance / len(values_K))
    beside = [(levels_Q + sign * reach).clamp(0, 1) for sign in (-1, 1)]
    low, high = (torch.quantile(values_K.double(), each.double()) for each in beside)
    half: torch.Tensor = (high - low) / 2
    return half


def share_error(hits: int, n: int, chance: float) -> float:
    """Return sqrt(p (1 - p) / n) of a share, with half a hit and half a miss added."""
    share = (hits + 0.5) / (n + 1)
    return math.sqrt(share * (1 - share) * chance / n)
