"""Gathers measured values into the tidy table, and takes the table apart again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import Values
from ngpt_inspect.table import Table
from ngpt_inspect.vocabulary import COLUMNS, Series, Status
from ngpt_inspect.weights import Weight, WeightSet

INTEGERS = ("step", "layer", "expert", "head", "index", "partner")
VALUE_COLUMNS = ("head", "index", "partner", "measure", "statistic", "value", "status", "reason")
TEXTS = (
    *("checkpoint", "architecture", "role", "tensor"),
    *("measure", "statistic", "status", "reason"),
)

Entry = Mapping[str, Any]
"""One quantity of one weight: a value for each column, or an array where it has many."""


def entry_of(
    checkpoint: WeightSet, role: str | None, values: Values, weight: Weight | None
) -> Entry:
    """Return one quantity of one weight, or of a role the checkpoint has not (no weight)."""
    return {
        "checkpoint": writable(checkpoint.label),
        "step": checkpoint.step,
        "architecture": writable(checkpoint.architecture),
        "layer": weight and weight.layer,
        "role": writable(role),
        "expert": weight and weight.expert,
        "tensor": weight and writable(weight.tensor.name),
        **{name: getattr(values, name) for name in VALUE_COLUMNS},
    }


@dataclass(frozen=True)
class Measured:
    """A tidy table as it was measured: text needs no more, and no pandas."""

    entries: Sequence[Entry]
    facts: Mapping[Any, Any]
    """What `frame` has as `attrs`."""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table of the public face."""
        from ngpt_inspect.tables.printing import TidyTable

        whole = TidyTable(frame_of(self.entries))
        whole.attrs = dict(self.facts)
        return whole

    def nothing(self) -> str:
        """Return why no number is there; an empty text where one is."""
        if any((column_in(each, "status") != Status.SKIPPED).any() for each in self.entries):
            return ""
        reasons = (why for each in self.entries for why in column_in(each, "reason").tolist())
        return f"nothing measured: {'; '.join(dict.fromkeys(reasons))}"

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield row by row what stands in `COLUMNS`, as plain Python; nulls and NaN are None."""
        for entry in self.entries:
            yield from zip(*(_plain(entry, name) for name in COLUMNS), strict=True)


def rows_in(entry: Entry) -> int:
    """Return how many rows an entry makes; none with an empty column."""
    sizes = [_size(entry[name]) for name in VALUE_COLUMNS]
    return max(sizes) if min(sizes) else 0


def column_in(entry: Entry, name: str) -> np.ndarray:
    """Return a column of an entry as long as its rows; what is one value for all is an object."""
    part = entry[name]
    whole = part if isinstance(part, np.ndarray) else np.array(part, object)
    return np.broadcast_to(whole, rows_in(entry))


def _plain(entry: Entry, name: str) -> Iterable[Any]:
    """Return a column of an entry as plain Python."""
    kind: Any = int if name in INTEGERS else writable if name in TEXTS else float
    if not isinstance(entry[name], np.ndarray):
        one = None if entry[name] is None else kind(entry[name])
        return repeat(None if one != one else one, rows_in(entry))
    cells = map(kind, column_in(entry, name).tolist())
    return (None if cell != cell else cell for cell in cells) if name == "value" else cells


def frame_of(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return the table of entries, columns in their order, null where nothing applies."""
    lengths = [rows_in(entry) for entry in entries]
    return pd.DataFrame(
        {name: _column(name, [entry[name] for entry in entries], lengths) for name in COLUMNS}
    )


def _size(part: Any) -> int:
    return part.size if isinstance(part, np.ndarray) else 1


def _column(name: str, parts: list[Any], lengths: list[int]) -> Any:
    if name in INTEGERS:
        filled = [0 if part is None else part for part in parts]
        null = _spread([part is None for part in parts], lengths, bool)
        return pd.arrays.IntegerArray(_spread(filled, lengths, np.int64), null)
    if name in TEXTS:
        texts = [part if isinstance(part, np.ndarray) else writable(part) for part in parts]
        return pd.array(_spread(texts, lengths, object), dtype="str")
    return _spread(parts, lengths, np.float64)


def writable(part: Any) -> str | None:
    """Return text that can be written: names of tensors may hold half of a surrogate pair."""
    return None if part is None else str(part).encode(errors="backslashreplace").decode()


def _spread(parts: list[Any], lengths: list[int], dtype: type) -> np.ndarray:
    """Repeat what is one value for many rows, and join."""
    if not any(isinstance(part, np.ndarray) for part in parts):  # in half of the columns
        return np.repeat(np.array(parts, dtype), lengths)
    out: np.ndarray = np.empty(sum(lengths), dtype)
    first = 0
    for part, n in zip(parts, lengths, strict=True):
        out[first : first + n] = part
        first += n
    return out


def of_series(table: pd.DataFrame, series: Series) -> pd.DataFrame:
    """Return the rows of one quantity: its single values, or one statistic of them."""
    of, statistic = series
    column = table["statistic"]
    wanted = column.isna() if statistic is None else (column == statistic)
    return table[(table["measure"] == of) & wanted]


def rows_of(table: pd.DataFrame, checkpoint: WeightSet) -> pd.DataFrame:
    """Return the rows of one checkpoint; steps of one run share its label."""
    return rows_at(Table.of(table).rows, checkpoint.label, checkpoint.step)


def rows_at(table: pd.DataFrame, label: str, step: int | None) -> pd.DataFrame:
    """Return the rows of one checkpoint by what tables call it."""
    at = table["step"].isna() if step is None else table["step"] == step
    return table[at.fillna(False) & (table["checkpoint"] == label)]


def entries_at(entries: Iterable[Entry], label: str, step: int | None) -> list[Entry]:
    """Return the entries of one checkpoint by what tables call it."""
    at = writable(label), step
    return [entry for entry in entries if (entry["checkpoint"], entry["step"]) == at]


def tidy(table: Any) -> pd.DataFrame:
    """Return what is given for a tidy table, if it is one.

    Raises
    ------
    WrongOption
        It is something else.
    """
    columns = getattr(table, "columns", ())
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        lacks = f"has no column {missing[0]}" if len(columns) else "is no table"
        raise WrongOption(
            f"what is given, a {type(table).__name__}, {lacks}",
            next_step="give what `measure` returned",
        )
    found: pd.DataFrame = table
    return found


def records(table: pd.DataFrame | Measured) -> list[dict[str, Any]]:
    """Return a table row by row, as dictionaries; nulls are None."""
    if isinstance(table, Measured):
        return [dict(zip(COLUMNS, row, strict=True)) for row in table.rows()]
    names = [str(name) for name in table]
    cells = (
        [None if null else cell for cell, null in zip(column.tolist(), column.isna(), strict=True)]
        for _, column in table.items()
    )
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
