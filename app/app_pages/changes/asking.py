"""What the page of changes asks for: which checkpoints there are, and what became of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect.runs import step_files

from ...engine.answers import SoFar, answer
from ...engine.changing import ChangesRequest
from ...engine.loading import open_once
from ...frame.looks import names_of
from ...frame.session import Opened

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet


def compared(pair: tuple[WeightSet, WeightSet]) -> SoFar | None:
    """Return what changed, or None: it is on its way."""
    return answer([ChangesRequest(checkpoints=pair)], pair)


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
