"""A tensor in pieces, one after another along an axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import StoredTensor, one_digest, row_range


@dataclass(frozen=True, kw_only=True)
class JoinedTensor(StoredTensor):
    """Pieces of one dtype that fit together along `axis`."""

    pieces: tuple[StoredTensor, ...]
    axis: int

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`. Only the pieces that hold them."""
        first, shape = row_range(self.shape, start, stop)
        last = first + shape[0]
        if self.axis:
            return torch.cat([each.read(first, last) for each in self.pieces], self.axis)
        lengths = [piece.shape[0] for piece in self.pieces]
        rows = [self.pieces[n].read(low, high) for n, low, high in within(lengths, first, last)]
        return torch.cat(rows) if rows else self.pieces[0].read(0, 0)

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of those of all its pieces; see `StoredTensor.fingerprint`."""
        return one_digest(piece.fingerprint(n_blocks) for piece in self.pieces)

    @property
    def note(self) -> str:
        """How many pieces it is of."""
        return f"joined of {len(self.pieces)} pieces along axis {self.axis}"


def within(lengths: Iterable[int], begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield which pieces, one after another, hold begin..end, and from where to where of each."""
    at = 0
    for number, length in enumerate(lengths):
        low, high = max(begin - at, 0), min(end - at, length)
        if low < high:
            yield number, low, high
        at += length


def joined(name: str, pieces: Sequence[StoredTensor], axis: int) -> JoinedTensor | None:
    """Return the whole of some pieces; None where they do not fit together."""
    first = pieces[0]
    others = [p.shape[:axis] + p.shape[axis + 1 :] for p in pieces]
    fit = all(len(piece.shape) == len(first.shape) > axis for piece in pieces)
    if not fit or len(set(others)) > 1 or len({piece.dtype for piece in pieces}) > 1:
        return None
    length = sum(piece.shape[axis] for piece in pieces)
    return JoinedTensor(
        name=name,
        shape=(*first.shape[:axis], length, *first.shape[axis + 1 :]),
        dtype=first.dtype,
        location=first.location,
        pieces=tuple(pieces),
        axis=axis,
    )
