"""A tidy table that shows what differs from row to row, and says once what does not."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd  # noqa: TID253 - imported where tables are made

from ngpt_inspect.vocabulary import COLUMNS
from ngpt_inspect.wording import number

WIDTH = 80
FOLLOWING = ("architecture", "tensor")
"""Columns that follow from others: the checkpoint; its role and layer."""
SPARE = ("reason", "partner", "index", "status", "head")
"""Columns that go first where a terminal is too narrow for all."""


class TidyTable(pd.DataFrame):
    """A data frame in every respect but how it is shown while it has the columns of a table."""

    @property
    def _constructor(self) -> type[TidyTable]:
        return TidyTable

    def __repr__(self) -> str:
        for spared in range(len(SPARE) + 1):
            seen, said = self._seen(SPARE[:spared])
            with _settings():
                text = pd.DataFrame.__repr__(seen)
            if "..." not in text.partition("\n")[0]:
                break
        return "\n".join([text, "", *textwrap.wrap(said, WIDTH)]) if said else super().__repr__()

    def _repr_html_(self) -> Any:
        seen, said = self._seen()
        with _settings():
            page = pd.DataFrame._repr_html_(seen)  # type: ignore[operator]
        return f"{page}<p>{escape(said)}</p>" if page and said else page

    def _seen(self, spared: Sequence[str] = ()) -> tuple[pd.DataFrame, str]:
        """Return the columns that tell rows apart, and what is to be said of the others."""
        plain = pd.DataFrame(self)
        if len(self) < 2 or not set(COLUMNS) <= set(self.columns):
            return plain, ""
        alike = {n: self[n].iloc[0] for n in COLUMNS if n != "value" and _is_one(self[n])}
        same = {name: value for name, value in alike.items() if not (pd.isna(value) or value == "")}
        unseen = {*alike, *FOLLOWING, *spared}
        hidden = [name for name in COLUMNS if name in unseen and name not in same]
        size = f"[{len(self)} rows x {len(self.columns)} columns]"
        said = f"; in all of them {', '.join(f'{n} {v}' for n, v in same.items())}" if same else ""
        said += f"; not shown: {', '.join(hidden)}"
        return plain[[name for name in self.columns if name not in unseen]], f"{size}{said}"


def _is_one(column: pd.Series) -> bool:
    """Whether all values of a column are the same, or all are missing."""
    first = column.iloc[0]
    return bool(column.isna().all() if pd.isna(first) else (column == first).all())


def _settings() -> Any:
    return pd.option_context("display.float_format", number, "display.show_dimensions", False)
