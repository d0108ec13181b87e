"""What became of one matrix in another of its shape: how far it turned, and in which directions.

Shapes: O rows, I columns, n = min(O, I), k leading directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.finite import (
    BLOCK_ELEMENTS,
    largest_magnitude,
    row_blocks,
    times_power,
)
from ngpt_inspect.numerics.gram import ROW_BLOCK_ELEMENTS, gram_of
from ngpt_inspect.numerics.spectra import effective_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    Rows = Callable[[], Iterator[torch.Tensor]]

EPS = 2.0**-52
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


def movement(before: torch.Tensor, after: torch.Tensor) -> Movement:
    """Angles and relative change, in float64, in one pass over blocks of rows.

    With x before, d = after - x, y = x + d and c = |y| / |x| the angle is
    2 atan2(|y - c x|, |y + c x|), from x.x, d.d and x.d alone. Nothing is taken from 1, so a small
    angle has all its digits, where arccos has half of them: it is off by no more than
    sqrt(eps) |d| / |x| even where a change is all of length.

    Parameters
    ----------
    before, after : tensors of one shape, of at least two axes
        Any floating dtype.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    import torch

    exponent = _exponent(before, after)
    sums = []
    for old, new in _pairs(before.flatten(1), after.flatten(1)):
        x = _wide(old, exponent)
        d = _wide(new, exponent) - x
        sums.append(torch.stack([(x * x).sum(1), (d * d).sum(1), (x * d).sum(1)]))
    of_rows = torch.cat(sums, 1)
    whole = of_rows.sum(1)
    start, moved = float(whole[0]), float(whole[1])
    return Movement(
        angle=float(_angles(*whole)),
        relative=math.sqrt(moved / start) if start else math.inf if moved else math.nan,
        row_angles=_angles(*of_rows),
    )


def _angles(xx: torch.Tensor, dd: torch.Tensor, xd: torch.Tensor) -> torch.Tensor:
    """Angle between x and x + d in degrees, from their products; NaN where either is zero."""
    import torch

    yy = (xx + 2 * xd + dd).clamp_min(0.0)
    grown = (2 * xd + dd) / (xx + (xx * yy).sqrt())  # |y| / |x| - 1
    apart = (dd - 2 * grown * xd + grown.square() * xx).clamp_min(0.0)
    together = (4 * yy - apart).clamp_min(0.0)
    found: torch.Tensor = torch.rad2deg(2 * torch.atan2(apart.sqrt(), together.sqrt()))
    return found.where((xx > 0) & (yy > 0), torch.nan)


@dataclass(frozen=True)
class Turn:
    """In which directions a matrix changed."""

    effective_rank: float
    """exp of the entropy of the singular values of the difference (Roy and Vetterli 2007)."""
    k: int
    """Leading directions compared; fewer than asked for where a matrix has not as many."""
    left: float
    """Mean squared cosine of the principal angles between the spans of the k leading left singular
    vectors of the difference and of `before`: 1 where they are one, k / O between random ones."""
    right: float
    """The same of the right singular vectors; k / I between random ones."""


def turn(before_OI: torch.Tensor, after_OI: torch.Tensor, k: int) -> Turn:
    """Effective rank of after - before, and overlap of its leading subspaces with those of before.

    From the eigenvectors of two float64 Gram matrices of the shorter side; no singular value
    decomposition, except where squaring would spoil the rank: a difference of low rank. The mean
    squared cosine of the principal angles of spans with orthonormal bases P and Q is
    |P^T Q|_F^2 / k (Bjorck and Golub 1973).

    Parameters
    ----------
    before_OI, after_OI : tensors of shape (O, I)
        Any floating dtype; they must differ.
    k : int
        How many leading directions to compare.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.

    References
    ----------
    Roy and Vetterli, The effective rank, EUSIPCO 2007, definition 1. Bjorck and Golub, Numerical
    methods for computing angles between linear subspaces, 1973, theorem 1.
    """
    wide = before_OI.shape[0] < before_OI.shape[1]
    old, new = (each.T if wide else each for each in (before_OI, after_OI))
    exponent = _exponent(old, new)

    def start() -> Iterator[torch.Tensor]:
        for x in row_blocks(old, ROW_BLOCK_ELEMENTS):
            yield _wide(x, exponent)

    def change() -> Iterator[torch.Tensor]:
        for x, y in _pairs(old, new, ROW_BLOCK_ELEMENTS):
            yield _wide(y, exponent) - _wide(x, exponent)

    squares_n, vectors_nn = _spectrum(change, old)
    start_n, start_nn = _spectrum(start, old)
    k = min(k, _rank(squares_n), _rank(start_n))
    leading = vectors_nn[:, -k:], start_nn[:, -k:]
    images = (_images(rows(), v_nk) for rows, v_nk in zip((change, start), leading, strict=True))
    short, long = _overlap(*leading), _overlap(*images)
    left, right = (short, long) if wide else (long, short)
    return Turn(_effective_rank(squares_n, change), k, left, right)


def _spectrum(rows: Rows, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues, smallest first, and eigenvectors of the Gram matrix of rows."""
    import torch

    gram = gram_of(rows(), like.shape[1], like.device)
    values_n, vectors_nn = torch.linalg.eigh(gram)
    return values_n, vectors_nn


def _rank(squares_n: torch.Tensor) -> int:
    """How many directions squaring leaves above rounding."""
    return max(1, int((squares_n > len(squares_n) * EPS * squares_n[-1]).sum()))


def _overlap(p_Ok: torch.Tensor, q_Ok: torch.Tensor) -> float:
    """Mean squared cosine of the principal angles between spans of orthonormal columns."""
    return min(1.0, float((p_Ok.T @ q_Ok).square().sum()) / p_Ok.shape[1])


def _images(rows: Iterator[torch.Tensor], v_nk: torch.Tensor) -> torch.Tensor:
    """Orthonormal basis of the images of right singular vectors: the left ones, up to rotation."""
    import torch

    images_Ok = torch.cat([block @ v_nk for block in rows])
    q_Ok: torch.Tensor = torch.linalg.qr(images_Ok).Q
    return q_Ok


def _effective_rank(squares_n: torch.Tensor, rows: Rows) -> float:
    import torch

    s_n = squares_n.clamp_min(0.0).sqrt()
    noise = SQUARED * EPS * float(squares_n[-1])
    error_n = (noise / (2 * s_n)).clamp_max(math.sqrt(noise))
    # d exp(H) / exp(H) = dH, and an error of p_i moves H by it times |ln p_i| + H at most.
    p_n = s_n.clamp_min(math.sqrt(noise)) / s_n.sum()
    if float((error_n / s_n.sum() * (math.log(len(s_n)) - p_n.log())).sum()) > SPOILED:
        s_n = torch.linalg.svdvals(torch.cat(list(rows())))
    return float(effective_rank(s_n))


def _exponent(*tensors: torch.Tensor) -> int:
    """Return e for which 2^-e brings the largest value near 1, where squares could leave range."""
    largest = max(map(largest_magnitude, tensors))
    return 0 if not largest or 1e-15 < largest < 1e15 else math.frexp(largest)[1]


def _pairs(
    before: torch.Tensor, after: torch.Tensor, elements: int = BLOCK_ELEMENTS
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    yield from zip(row_blocks(before, elements), row_blocks(after, elements), strict=True)


def _wide(x: torch.Tensor, exponent: int) -> torch.Tensor:
    return times_power(x.double(), -exponent) if exponent else x.double()
