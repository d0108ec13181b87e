"""How many steps a curve of losses needs to reach a loss, and what a factor of two bounds is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWER, UPPER, MIXED = "lower", "upper", "mixed"
"""A number is at least, at most, or neither of what is given; the empty text says it is exact."""

FACTORS = ("gpt_steps", "speed_up", "speed_up_tokens")
"""The numbers of a speed-up."""


@dataclass(frozen=True)
class Reached:
    """Steps to each of several losses, and which of them are only bounds."""

    steps: NDArray[np.float64]
    bound: NDArray[np.str_]


def steps_to_reach(steps: ArrayLike, losses: ArrayLike, targets: ArrayLike) -> Reached:
    r"""Return the steps after which the best loss so far is at most each target.

    Between the two neighbours :math:`(s_0, m_0), (s_1, m_1)` of a target m on the running
    minimum, :math:`\log s = \log s_0 + (\log s_1 - \log s_0)(m_0 - m)/(m_0 - m_1)`. Loss curves
    follow power laws in steps, which are nearly straight over the logarithm of steps and
    clearly bent over steps. Nothing is extrapolated.

    Parameters
    ----------
    steps, losses
        Observations in any order: validations of one run, or final losses of runs of several
        budgets. Losses that are not finite and steps below 1 are left out.
    targets
        Losses to reach.

    Returns
    -------
    Reached
        `bound` is "lower" where the curve ends above the target (`steps` is its end), "upper"
        where it starts below it (`steps` is its start), "mixed" with NaN where there is no curve.
    """
    at, loss = (np.atleast_1d(np.asarray(each, np.float64)) for each in (steps, losses))
    wanted = np.atleast_1d(np.asarray(targets, np.float64))
    usable = np.isfinite(loss) & (at >= 1)
    at, loss = at[usable], loss[usable]
    if not len(at):
        return Reached(np.full(wanted.shape, np.nan), np.full(wanted.shape, MIXED))
    order = np.lexsort((loss, at))
    at, best = at[order], np.minimum.accumulate(loss[order])
    after = np.searchsorted(-best, -wanted, side="left")  # the first that is at most the target
    right = np.clip(after, 1, max(len(at) - 1, 1))
    right = np.minimum(right, len(at) - 1)
    left = np.maximum(right - 1, 0)
    drop = best[left] - best[right]
    share = np.divide(best[left] - wanted, drop, out=np.ones_like(wanted), where=drop > 0)
    between = at[left] * (at[right] / at[left]) ** np.clip(share, 0, 1)
    between = np.clip(between, at[left], at[right])  # rounding must not lead past either
    found = np.where(after == 0, at[0], np.where(after == len(at), at[-1], between))
    bound = np.where(
        after == len(at), LOWER, np.where((after == 0) & (wanted > best[0]), UPPER, "")
    )
    unknown = ~np.isfinite(wanted)
    return Reached(np.where(unknown, np.nan, found), np.where(unknown, MIXED, bound))


def combined_bound(bounds: Sequence[str]) -> str:
    """Return the bound of a mean of numbers with these bounds.

    A mean of exact numbers and lower bounds is a lower bound; lower and upper bounds together
    say nothing.
    """
    kinds = set(bounds) - {""}
    return "" if not kinds else kinds.pop() if len(kinds) == 1 else MIXED


def geometric_mean(values: ArrayLike) -> float:
    r"""Return :math:`\exp(\frac1n\sum\log x)`, the mean of factors; NaN of nothing."""
    found = np.asarray(values, np.float64)
    return float(np.exp(np.log(found).mean())) if len(found) else float("nan")


def mean_factor(rows: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    """Return the means of `FACTORS` over seeds and their bound; NaN where that is mixed."""
    bound = combined_bound([row["bound"] for row in rows])
    means = {name: geometric_mean([row[name] for row in rows]) for name in FACTORS}
    if bound == MIXED:
        means = dict.fromkeys(FACTORS, float("nan"))
    return {**means, "bound": bound}
