"""What the page of changes asks for: which checkpoints there are, and what became of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ngpt_inspect.comparing import changes
from ngpt_inspect.runs import step_files
from ngpt_inspect.tables import Progress
from ngpt_inspect.version import __version__

from ...engine.answers import Asked, SoFar, answer
from ...engine.loading import open_once, store
from ...engine.stamps import check_unchanged, stamp_of_opened
from ...frame.looks import names_of
from ...frame.session import Opened

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangesRequest(Asked):
    """What became of one checkpoint in another."""

    unit: ClassVar[str] = "weights"
    pair: tuple[WeightSet, WeightSet]

    @cached_property
    def key(self) -> str:
        """Names the result: both files by size and time, and what they are called."""
        told = [
            (each.label, each.step, each.contents.source, each.settings, stamp)
            for each, stamp in zip(self.pair, self._stamps, strict=True)
        ]
        return sha256(repr(("changes", __version__, told)).encode()).hexdigest()

    @cached_property
    def _stamps(self) -> list[tuple[tuple[str, int, int], ...]]:
        return [stamp_of_opened(each.contents) for each in self.pair]

    @property
    def title(self) -> str:
        """What is being done, for people."""
        return " against ".join(reversed(names_of(self.pair)))

    def work(self, progress: Progress) -> None:
        """Compare, and keep the table."""
        table = changes(*self.pair, progress=progress)
        for each, stamp in zip(self.pair, self._stamps, strict=True):
            check_unchanged(each.contents, stamp)
        store().put(self.key, table)


def compared(pair: tuple[WeightSet, WeightSet]) -> SoFar | None:
    """Return what changed, or None: it is on its way."""
    return answer([ChangesRequest(pair=pair)], pair)


def choices(opened: Sequence[Opened]) -> dict[str, Callable[[], WeightSet]]:
    """Return what can be compared by name: what is open, with every step of the runs among it."""
    found: dict[str, Callable[[], WeightSet]] = {}
    shown = [(each, each.checkpoint) for each in opened if each.checkpoint is not None]
    names = names_of([checkpoint for _, checkpoint in shown])
    for name, (each, checkpoint) in zip(names, shown, strict=True):
        files = step_files(Path(each.path)) if len(each.steps) > 1 else {}
        for step, path in files.items():
            at_step = partial(_step, str(path), checkpoint.label)
            found[f"{checkpoint.label} @ step {step}"] = at_step
        if not files:
            found[name] = partial(_same, checkpoint)
    return found


def usual_pair(opened: Sequence[Opened], names: Sequence[str]) -> tuple[str, str]:
    """Return what is compared at first: the first step and the last of a run, else two models."""
    steps = len(next((each.steps for each in opened if each.checkpoint is not None), ()))
    return names[0], names[steps - 1 if steps > 1 else 1]


def _same(checkpoint: WeightSet) -> WeightSet:
    return checkpoint


def _step(path: str, label: str) -> WeightSet:
    return replace(open_once(path), label=label)
