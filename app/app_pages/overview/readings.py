"""What the first page reads: the measures behind health, headline and figure, as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.summary import health_measures

from ...engine.answers import so_far
from ...engine.questions import Request, requests

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The rows that are known so far."""

    table: pd.DataFrame
    key: str
    """Stands for the table."""
    measures: frozenset[str]
    """Those that are known, all of it, of every checkpoint that has what they take."""

    @property
    def missing(self) -> list[str]:
        """What is still to come, in the order in which it is measured."""
        return [name for name in health_measures() if name not in self.measures]


def read(checkpoints: Sequence[WeightSet]) -> Readings:
    """Ask for each measure by itself, so that each is there as soon as it can be."""
    found = so_far(requests(checkpoints, health_measures(), whole=True), checkpoints)
    late = {each.measure for each in found.late if isinstance(each, Request)}
    known = frozenset(health_measures()) - late
    return Readings(table=found.table, key=found.key, measures=known)
