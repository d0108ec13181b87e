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

from .questions import Asked
from .stamps import stamp_of_opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangesRequest(Asked):
    """What became of each checkpoint in the next."""

    checkpoints: tuple[WeightSet, ...]

    @cached_property
    def key(self) -> str:
        """Names the result: the files by size and time, and what they are called."""
        told = [
            (e.label, e.step, e.contents.source, e.settings, stamp_of_opened(e.contents))
            for e in self.checkpoints
        ]
        return sha256(repr(("changes", __version__, told)).encode()).hexdigest()

    @property
    def title(self) -> str:
        """What is being done, for people."""
        return " against ".join(at_step(e.label, e.step) for e in reversed(self.checkpoints))

    @property
    def read(self) -> Sequence[WeightSet]:
        """All of them."""
        return self.checkpoints

    def make(self, progress: Progress) -> dict[str, pd.DataFrame]:
        """Compare."""
        return {self.key: changes(self.checkpoints, progress=progress)}
