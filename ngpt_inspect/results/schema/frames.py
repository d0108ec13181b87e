"""Frames with declared columns, with or without rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.columns import names
from ngpt_inspect.results.schema.contract import Column, ColumnKind

DTYPES = {
    ColumnKind.TEXT: "str",
    ColumnKind.WHOLE: "int64",
    ColumnKind.NUMBER: "float64",
    ColumnKind.FLAG: "bool",
}


def stacked(columns: Sequence[Column], pieces: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all pieces, with these columns in this order and their dtypes."""
    dtypes = {column.name: DTYPES[column.kind] for column in columns}
    filled = [piece for piece in pieces if len(piece)]
    if not filled:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})
    table = pd.concat(filled, ignore_index=True)[names(tuple(columns))]
    return table.astype(dtypes)
