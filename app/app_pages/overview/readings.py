"""What the first page reads: the measures behind health, headline and figure, as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.plotting import joined
from ngpt_inspect.summary import health_measures

from ...engine.answers import answer, key_of, requests

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
    """Those that are known of every checkpoint that has what they take."""

    @property
    def missing(self) -> list[str]:
        """What is still to come, in the order in which it is measured."""
        return [name for name in health_measures() if name not in self.measures]


def read(checkpoints: Sequence[WeightSet]) -> Readings:
    """Ask for each measure by itself, so that each is there as soon as it can be."""
    tables, asked, known = [], [], []
    for name in health_measures():
        wanted = requests(checkpoints, [name], whole=True)
        table = answer(wanted, checkpoints)
        if table is not None:
            tables.append(table)
            asked += wanted
            known.append(name)
    table = joined(tables, checkpoints)
    return Readings(table=table, key=key_of(asked, checkpoints), measures=frozenset(known))
