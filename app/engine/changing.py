"""What became of one checkpoint in another, as a table that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from ngpt_inspect.comparing import changes
from ngpt_inspect.tables import Progress
from ngpt_inspect.version import __version__
from ngpt_inspect.wording import at_step

from .loading import store
from .questions import Asked
from .stamps import check_unchanged, stamp_of_opened

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangesRequest(Asked):
    """What became of each checkpoint in the next."""

    checkpoints: tuple[WeightSet, ...]

    @cached_property
    def key(self) -> str:
        """Names the result: the files by size and time, and what they are called."""
        told = [
            (each.label, each.step, each.contents.source, each.settings, stamp)
            for each, stamp in zip(self.checkpoints, self._stamps, strict=True)
        ]
        return sha256(repr(("changes", __version__, told)).encode()).hexdigest()

    @cached_property
    def _stamps(self) -> list[tuple[tuple[str, int, int], ...]]:
        return [stamp_of_opened(each.contents) for each in self.checkpoints]

    @property
    def title(self) -> str:
        """What is being done, for people."""
        return " against ".join(at_step(e.label, e.step) for e in reversed(self.checkpoints))

    def work(self, progress: Progress) -> None:
        """Compare, and keep the table."""
        table = changes(self.checkpoints, progress=progress)
        for each, stamp in zip(self.checkpoints, self._stamps, strict=True):
            check_unchanged(each.contents, stamp)
        store().put(self.key, table)
