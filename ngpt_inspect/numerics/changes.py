"""What became of one matrix in another of its shape: how far it turned, and in which directions.

Shapes: O rows, I columns, n = min(O, I), k leading directions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import at_once, one_core_each
from ngpt_inspect.numerics.finite import range_exponent, row_blocks, times_power
from ngpt_inspect.numerics.gram import ROW_BLOCK_ELEMENTS, GramSum
from ngpt_inspect.numerics.leading import EPS, above_rounding, leading_eigenvectors, orthonormal
from ngpt_inspect.numerics.spectra import effective_rank

Rows = Callable[[], Iterator["torch.Tensor"]]

KEPT_ELEMENTS = 1 << 23
"""Values of a tensor, up to which it is kept in float64 for a second look."""
LEADING = 8
"""Directions whose span is compared."""
SQUARED = 4.0
"""Rounding of an eigenvalue of a Gram matrix, in units of eps times the largest: a few."""
SPOILED = 1e-9
"""Where squaring may have moved an effective rank by a larger share, singular values are computed
without it."""


@dataclass(frozen=True)
class Movement:
    """How far a tensor has gone from another."""

    angle: float
    """Between both as one long vector, in degrees; NaN where either is zero."""
    relative: float
    """|after - before| / |before|, Frobenius norms; inf or NaN where `before` is zero."""
    row_angles: torch.Tensor
    """The angle of every row, (O,), float64, in degrees; NaN where either row is zero."""


@dataclass(frozen=True)
class Turn:
    """In which directions a matrix changed."""

    effective_rank: float
    """exp of the entropy of the singular values of the difference (Roy and Vetterli 2007)."""
    k: int
    """Leading directions compared; fewer than asked for where a matrix has not as many, 0 where
    `before` is zero."""
    left: float
    """Mean squared cosine of the principal angles between the spans of the k leading left singular
    vectors of the difference and of `before`: 1 where they are one, k / O between random ones; NaN
    where there are none."""
    right: float
    """The same of the right singular vectors; k / I between random ones."""


def changed(before: torch.Tensor, after: torch.Tensor, k: int = 0) -> tuple[Movement, Turn | None]:
    """Tell how far a tensor has gone from another and, if k > 0, in which directions.

    Angles and relative change come from one pass over blocks of rows in float64. With x before,
    d = after - x, y = x + d and c = |y| / |x| the angle is 2 atan2(|y - c x|, |y + c x|), from x.x,
    d.d and x.d alone. Nothing is taken from 1, so a small angle has all its digits, where arccos
    has half of them: it is off by no more than sqrt(eps) |d| / |x| even where a change is all of
    length.

    The same pass makes the Gram matrices of x and d, of the shorter side. Effective rank is from
    the eigenvalues of the latter; singular values are computed only where squaring would spoil it:
    a difference of low rank. Of both the k leading eigenvectors alone are computed. The mean
    squared cosine of the principal angles of spans with orthonormal bases P and Q is
    |P^T Q|_F^2 / k (Bjorck and Golub 1973).

    Parameters
    ----------
    before, after : tensors of one shape, of at least two axes (of two where k > 0)
        Any floating dtype.
    k : int
        How many leading directions to compare.

    Returns
    -------
    Movement
    Turn or None
        None where k is 0, or nothing has changed.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.

    References
    ----------
    Roy and Vetterli, The effective rank, EUSIPCO 2007, definition 1. Bjorck and Golub, Numerical
    methods for computing angles between linear subspaces, 1973, theorem 1.
    """
    seen = _Seen(before.flatten(1), after.flatten(1), with_grams=k > 0)
    found = seen.movement()
    return found, seen.turn(k) if k and found.relative > 0 else None


class _Seen:
    """What one pass over two tensors gathers, (O, I) both."""

    def __init__(self, before: torch.Tensor, after: torch.Tensor, *, with_grams: bool) -> None:
        wide = before.shape[0] < before.shape[1]
        self.upright = not (wide and with_grams)
        self.old, self.new = (before, after) if self.upright else (before.T, after.T)
        self.exponent = range_exponent(before, after)
        n, device = self.old.shape[1], before.device
        self.grams = [GramSum(n, device) for _ in range(2 * with_grams)]
        self.kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        sums = []
        for x, d in self._read():
            axis = int(self.upright)
            sums.append(torch.stack([(x * x).sum(axis), (d * d).sum(axis), (x * d).sum(axis)]))
            for gram, rows in zip(self.grams, (x, d), strict=False):
                gram.add(rows)
            if with_grams and self.old.numel() <= KEPT_ELEMENTS:
                self.kept.append((x, d))
        self.of_rows = torch.cat(sums, 1) if self.upright else torch.stack(sums).sum(0)

    def _read(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield blocks of rows of `before` and of the difference, in float64."""
        sides = (row_blocks(each, ROW_BLOCK_ELEMENTS) for each in (self.old, self.new))
        for old, new in zip(*sides, strict=True):
            x, y = old.double(), new.double()
            if self.exponent:
                x, y = (times_power(each, -self.exponent) for each in (x, y))
            yield x, y - x

    def rows(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the blocks again: those that were kept, where they are few."""
        yield from self.kept or self._read()

    def movement(self) -> Movement:
        whole = self.of_rows.sum(1)
        start, moved = float(whole[0]), float(whole[1])
        return Movement(
            angle=float(_angles(*whole)),
            relative=math.sqrt(moved / start) if start else math.inf if moved else math.nan,
            row_angles=_angles(*self.of_rows),
        )

    def turn(self, k: int) -> Turn:
        start_nn, change_nn = (gram.whole() for gram in self.grams)
        n = len(start_nn)
        *leading, squares_n = at_once(
            partial(leading_eigenvectors, start_nn, min(k, n)),
            partial(leading_eigenvectors, change_nn, min(k, n)),
            partial(one_core_each, torch.linalg.eigvalsh, change_nn),
        )
        rank = _effective_rank(squares_n, lambda: (d for _, d in self.rows()))
        k = min(above_rounding(values, n) for values, _ in leading)
        if not k:
            return Turn(rank, k, math.nan, math.nan)
        spans = [vectors_nk[:, len(values) - k :] for values, vectors_nk in leading]
        images = [torch.cat(each) for each in zip(*self._images(spans), strict=True)]
        short, long = _overlap(*spans), _overlap(*map(orthonormal, images))
        left, right = (long, short) if self.upright else (short, long)
        return Turn(rank, k, left, right)

    def _images(self, spans: list[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
        """Yield, by blocks, what right singular vectors become: left ones, up to a rotation."""
        for pair in self.rows():
            yield [rows @ v_nk for rows, v_nk in zip(pair, spans, strict=True)]


def _angles(xx: torch.Tensor, dd: torch.Tensor, xd: torch.Tensor) -> torch.Tensor:
    """Angle between x and x + d in degrees, from their products; NaN where either is zero."""
    yy = (xx + 2 * xd + dd).clamp_min(0.0)
    grown = (2 * xd + dd) / (xx + (xx * yy).sqrt())  # |y| / |x| - 1
    apart = (dd - 2 * grown * xd + grown.square() * xx).clamp_min(0.0)
    together = (4 * yy - apart).clamp_min(0.0)
    found: torch.Tensor = torch.rad2deg(2 * torch.atan2(apart.sqrt(), together.sqrt()))
    return found.where((xx > 0) & (yy > 0), torch.nan)


def _overlap(p_Ok: torch.Tensor, q_Ok: torch.Tensor) -> float:
    """Mean squared cosine of the principal angles between spans of orthonormal columns."""
    return min(1.0, float((p_Ok.T @ q_Ok).square().sum()) / p_Ok.shape[1])


def _effective_rank(squares_n: torch.Tensor, rows: Rows) -> float:
    s_n = squares_n.clamp_min(0.0).sqrt()
    noise = SQUARED * EPS * float(squares_n[-1])
    error_n = (noise / (2 * s_n)).clamp_max(math.sqrt(noise))
    # d exp(H) / exp(H) = dH, and an error of p_i moves H by it times |ln p_i| + H at most.
    p_n = s_n.clamp_min(math.sqrt(noise)) / s_n.sum()
    if float((error_n / s_n.sum() * (math.log(len(s_n)) - p_n.log())).sum()) > SPOILED:
        s_n = one_core_each(torch.linalg.svdvals, torch.cat(list(rows())))
    return float(effective_rank(s_n))
