"""The tidy table as it is handled inside: its rows, and apart from them what made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.later.pandas import pd


@dataclass(frozen=True)
class Table:
    """Rows and facts. pandas copies `attrs` deeply with every selection, so rows have none here."""

    rows: pd.DataFrame
    """Without `attrs`; its values are shared with whatever it was taken from."""
    facts: Mapping[Any, Any]
    """What a DataFrame of the public face has as `attrs`."""

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Table:
        """Take a DataFrame apart."""
        return cls(pd.DataFrame(frame, copy=False), frame.attrs)

    def where(self, wanted: pd.Series) -> Table:
        """Return the table of some of the rows."""
        return Table(self.rows[wanted], self.facts)

    def frame(self) -> pd.DataFrame:
        """Return one DataFrame with the facts in its `attrs`."""
        whole = pd.DataFrame(self.rows, copy=False)
        whole.attrs = dict(self.facts)
        return whole
