"""What is computed of two weights, and how it is said in rows of the table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures import Values, numbered, skipped
from ngpt_inspect.vocabulary import Kind, Status
from ngpt_inspect.weights import Weight

CHANGES = "changes"
"""Name of the table, for figures that draw it."""
HEADLINE = "angle"
SAME = "equal: the same bytes"
SAME_VALUES = "equal: the same values"
"""In other bytes: of another dtype, or -0 for 0."""

QUANTITIES = {
    "angle": "angle between the weight before and after, each as one long vector, in degrees",
    "row_angle": "the same of every row of a matrix: min, quartiles (low, median, high) and max",
    "row_angle_largest": "of an embedding the 100 rows that turned most, each with its index: the "
    "token",
    "relative_change": "‖ΔW‖ / ‖W‖, Frobenius norms, ΔW the weight after minus that before",
    "change_effective_rank": "exp(−Σ p log p) with p = σ / Σσ of the singular values of ΔW "
    "(Roy & Vetterli 2007)",
    "change_rank_share": "the same over min(m, n): 1 where all directions change alike, 0.8 for a "
    "square matrix of independent normal entries",
    "left_overlap": "mean squared cosine of the principal angles between the spans of the k "
    "leading left singular vectors of ΔW and of W: 1 where they are one; k is 8, less where "
    "either has fewer",
    "left_overlap_random": "k / m: what it is between a random span and any other",
    "right_overlap": "the same of the right singular vectors",
    "right_overlap_random": "k / n, of an (m, n) matrix",
    "angle_per_rate": "angle over the sum of the learning rates of the steps between, in degrees: "
    "the rotation that a unit of learning rate makes, where the run's log has them",
}
"""Quantity -> formula."""
ROW_STATISTICS = ("min", "low", "median", "high", "max")
MOST_ROWS = 100
"""Rows of an embedding that are named."""
ROUNDING = 0.213
"""Root mean square error of rounding normal values, over eps and their root mean square."""
RESOLVED = 1 / 3
"""A change of which rounding alone may make a larger share is never plain."""


def compared(
    before: Weight, after: Weight, rate_sum: float | None, device: str
) -> Iterator[Values]:
    """Yield what became of a weight; nothing is computed where both hold the same values."""
    from ngpt_inspect.numerics.changes import LEADING, changed

    if before.shape != after.shape:
        sizes = " and ".join("x".join(map(str, each.shape)) for each in (before, after))
        yield not_compared(f"shapes differ: {sizes}")
        return
    matrix = after.facts.kind in (Kind.MATRIX, Kind.EMBEDDING) and len(after.shape) == 2
    old, new = before.values(device), after.values(device)
    same = _equal(before, after, old, new)
    if same:
        for name in ("angle", "relative_change", "change_effective_rank", "change_rank_share"):
            if matrix or not name.startswith("change_"):
                yield Values(measure=name, value=0.0, reason=same)
        return
    sides = (old, new) if matrix else (old.reshape(1, -1), new.reshape(1, -1))
    found, turned = changed(*sides, LEADING if matrix else 0)
    noise = math.hypot(_rounding(before), _rounding(after))
    blurred = noise > RESOLVED * found.relative
    status = Status.BELOW_RESOLUTION if blurred else Status.OK
    made = f"rounding to the stored dtypes alone may make a relative change of {noise:.2g}"
    reason = made if blurred else ""
    zero = _zero(old, new) if math.isnan(found.angle) else ""
    number = partial(_number, status=status, zero=zero, blurred=reason)
    yield number("angle", found.angle)
    yield number("relative_change", found.relative)
    if rate_sum is not None:
        yield number("angle_per_rate", found.angle / rate_sum)
    if not matrix:
        return
    yield from _row_angles(found.row_angles, status, reason)
    if after.facts.kind is Kind.EMBEDDING:
        yield _largest(found.row_angles, status, reason)
    if turned is None:  # the squares of the difference are below float64
        return
    yield number("change_effective_rank", turned.effective_rank)
    yield number("change_rank_share", turned.effective_rank / min(old.shape))
    for side, value, length in (
        ("left", turned.left, old.shape[0]),
        ("right", turned.right, old.shape[1]),
    ):
        directions = "1 direction" if turned.k == 1 else f"{turned.k} directions"
        said = "" if turned.k == LEADING else f"of {directions}: there are no more"
        yield number(f"{side}_overlap", value, said)
        if turned.k:
            yield Values(measure=f"{side}_overlap_random", value=turned.k / length)


def not_compared(reason: str) -> Values:
    """Return the row that says why a weight was not compared."""
    return skipped(HEADLINE, reason)


def _number(
    measure: str, value: float, said: str = "", *, status: Status, zero: str, blurred: str
) -> Values:
    """Return a number, or why there is none of a weight that is zero."""
    if zero and not math.isfinite(value):
        return skipped(measure, zero)
    return Values(measure=measure, value=value, status=status, reason=_joined(blurred, said))


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _zero(old: torch.Tensor, new: torch.Tensor) -> str:
    """Say which of two weights is zero, if one is."""
    for when, values in (("before", old), ("after", new)):
        if not values.any():
            return f"the weight {when} is zero"
    return ""


def _row_angles(angles: torch.Tensor, status: Status, reason: str) -> Iterator[Values]:
    from ngpt_inspect.tables.statistics import SCALARS

    known = angles[~angles.isnan()].cpu().numpy()
    left_out = len(angles) - len(known)
    reason = _joined(reason, f"{left_out} rows of norm zero left out" if left_out else "")
    for name in ROW_STATISTICS if len(known) else ():
        value = SCALARS[name](known)
        yield Values(measure="row_angle", statistic=name, value=value, status=status, reason=reason)


def _largest(angles: torch.Tensor, status: Status, reason: str) -> Values:
    known = angles.nan_to_num(-1.0)
    value, index = known.sort(descending=True, stable=True)
    named = (value >= 0).nonzero().flatten()[:MOST_ROWS]
    said = {"index": index[named], "status": status, "reason": reason}
    return numbered("row_angle_largest", value[named], **said)


def _equal(before: Weight, after: Weight, old: torch.Tensor, new: torch.Tensor) -> str:
    """Say how two weights are equal, if they are."""
    from ngpt_inspect.numerics.finite import row_blocks

    flat = [each.flatten() for each in (old, new)]
    if old.dtype == new.dtype and torch.equal(*(each.view(torch.uint8) for each in flat)):
        return SAME
    blocks = zip(*map(row_blocks, flat), strict=True)
    if not all(torch.equal(x.double(), y.double()) for x, y in blocks):
        return ""
    dtypes = dict.fromkeys((before.tensor.dtype, after.tensor.dtype))
    return SAME_VALUES + (f", stored as {' and '.join(dtypes)}" if len(dtypes) > 1 else "")


def _rounding(weight: Weight) -> float:
    """Return the root mean square rounding error of storage over that of the values."""
    told = weight.tensor.rounding()
    return ROUNDING * weight.tensor.spacing.eps if told is None else told
