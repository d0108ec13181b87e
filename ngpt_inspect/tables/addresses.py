"""Where another process finds a weight: what is said of it, and how it is found again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnreadableFile, WrongOption
from ngpt_inspect.places import MEMORY
from ngpt_inspect.weights import Weight, WeightSet


@dataclass(frozen=True, kw_only=True)
class WeightAddress:
    """Where another process finds a weight."""

    source: str
    fingerprint: str
    settings: str
    place: int
    """Among the checkpoint's weights and what is unmeasured, whose order is fixed."""

    def found(self) -> tuple[WeightSet, Weight]:
        """Return the weight and its checkpoint, opened in whatever process this is.

        Raises
        ------
        UnreadableFile
            It is another file here.
        """
        checkpoint = _opened(self.source, self.settings)
        if checkpoint.contents.fingerprint != self.fingerprint:
            _opened.cache_clear()  # the file may have come right since it was opened here
            checkpoint = _opened(self.source, self.settings)
        if checkpoint.contents.fingerprint != self.fingerprint:
            raise UnreadableFile(
                "the file this process sees is not the one the work was planned for",
                where=self.source,
                next_step="give a path that names the same file everywhere",
            )
        return checkpoint, (*checkpoint.weights, *checkpoint.unmeasured)[self.place]


def address_of(checkpoint: WeightSet, weight: Weight) -> WeightAddress:
    """Return where another process finds a weight of a checkpoint.

    Raises
    ------
    WrongOption
        The model is in memory, and has no name.
    """
    contents = checkpoint.contents
    if contents.source.startswith(MEMORY):
        raise WrongOption(
            f"{checkpoint.label} is in the memory of this process",
            next_step="save it and name the file, or leave the executor out",
        )
    there = (*checkpoint.weights, *checkpoint.unmeasured)
    return WeightAddress(
        source=contents.address or contents.source,
        fingerprint=contents.fingerprint,
        settings=json.dumps(checkpoint.settings, sort_keys=True),
        place=next(n for n, each in enumerate(there) if each is weight),
    )


@lru_cache(maxsize=8)
def _opened(source: str, settings: str) -> WeightSet:
    return open_checkpoint(source, **json.loads(settings))
