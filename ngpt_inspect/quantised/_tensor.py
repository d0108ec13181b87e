"""A tensor that is computed from several stored ones."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import StoredTensor, one_digest, row_range


@dataclass(frozen=True, kw_only=True)
class QuantisedTensor(StoredTensor):
    """Codes and scales, decoded when read."""

    parts: tuple[StoredTensor, ...]
    """The codes, then the scales and whatever else takes part."""

    @abstractmethod
    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows start..stop, in a dtype that holds them exactly, and what they are times.

        The second is, for each value, the distance between the codes next to it: the width of
        the interval that rounding sent to this code.
        """

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`. Decoded exactly, in a float dtype.

        Raises
        ------
        UnreadableFile
            As for its parts, or the codes contradict the scheme.
        """
        first, shape = row_range(self.shape, start, stop)
        return self.decode(first, first + shape[0])[0].contiguous()

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of those of all its parts; see `StoredTensor.fingerprint`."""
        return one_digest(part.fingerprint(n_blocks) for part in self.parts)

    @property
    def n_bytes(self) -> int:
        """Bytes of all its parts."""
        return sum(part.n_bytes for part in self.parts)

    @property
    def obstacle(self) -> str:
        """Nothing: the values are those of the model."""
        return ""

    @property
    def note(self) -> str:
        """What it is computed from."""
        return f"{self.dtype} of {', '.join(part.name for part in self.parts)}"

    def rounding(self) -> float:
        """Root mean square rounding error over root mean square value.

        Rounding to nearest leaves an error that is uniform over the interval of the code:
        tau^2 = mean(width^2) / 12.
        """
        squares, errors = 0.0, 0.0
        for start, stop in self.blocks():
            values, widths = self.decode(start, stop)
            squares += float((values.double() ** 2).sum())
            errors += float((widths.double() ** 2).sum())
        return math.sqrt(errors / 12 / squares) if squares else math.inf

    @property
    def errors(self) -> StoredTensor:
        """Width of the interval of each code, over sqrt(12); see `StoredTensor.errors`."""
        return self.computed(self._errors)

    def _errors(self, start: int, stop: int | None) -> torch.Tensor:
        _, widths = self.decode(start, self.shape[0] if stop is None else stop)
        return widths / math.sqrt(12)

    def refuse(self, what: str) -> UnreadableFile:
        """Return the error for this tensor."""
        return UnreadableFile(
            what,
            where=f"{self.location[0]}: tensor {self.name}",
            next_step="copy or download the checkpoint again",
        )


@dataclass(frozen=True, kw_only=True)
class RefusedTensor(StoredTensor):
    """Codes without what would make values of them: listed, and skipped with the reason."""

    codes: StoredTensor
    why: str

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read the codes; see `StoredTensor.read`."""
        return self.codes.read(start, stop)

    @property
    def n_bytes(self) -> int:
        """Bytes of the codes."""
        return self.codes.n_bytes

    @property
    def obstacle(self) -> str:
        """What is missing or does not fit."""
        return self.why

    @property
    def note(self) -> str:
        """The same."""
        return self.why


def widths_of(levels: torch.Tensor) -> torch.Tensor:
    """Return, for every level of a code, the width of the interval that rounds to it.

    Half way to the neighbour on each side; at the ends, as wide outwards as inwards. Levels may
    come in any order; not-a-number and repeated levels (a second zero) count once.
    """
    finite = torch.unique(levels[levels.isfinite()])
    gaps = finite.diff()
    gaps = torch.cat((gaps[:1], gaps, gaps[-1:]))
    widths = (gaps[:-1] + gaps[1:]) / 2
    return widths[torch.searchsorted(finite, levels.nan_to_num(0.0, 0.0, 0.0))]
