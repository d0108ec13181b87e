"""Gathers measured values into the tidy table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ngpt_inspect.measures import Values
from ngpt_inspect.vocabulary import COLUMNS, Role
from ngpt_inspect.weights import WeightSet

if TYPE_CHECKING:
    import pandas as pd

INTEGERS = ("step", "layer", "expert", "head", "index", "partner")
VALUE_COLUMNS = ("head", "index", "partner", "measure", "value", "status", "reason")
TEXTS = ("checkpoint", "architecture", "role", "measure", "status", "reason")


@dataclass
class Rows:
    """The table while it grows: one entry a quantity, its columns not yet repeated."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        checkpoint: WeightSet,
        role: Role,
        values: Values,
        layer: int | None = None,
        expert: int | None = None,
    ) -> None:
        """Append one quantity of one weight."""
        self.entries.append(
            {
                "checkpoint": checkpoint.label,
                "step": checkpoint.step,
                "architecture": checkpoint.architecture,
                "layer": layer,
                "role": str(role),
                "expert": expert,
                **{name: getattr(values, name) for name in VALUE_COLUMNS},
            }
        )

    def frame(self) -> pd.DataFrame:
        """Return the table, columns in their order, null where nothing applies."""
        import pandas as pd

        lengths = [max(np.size(entry[name]) for name in VALUE_COLUMNS) for entry in self.entries]
        return pd.DataFrame({name: self._column(name, lengths) for name in COLUMNS})

    def _column(self, name: str, lengths: list[int]) -> Any:
        import pandas as pd

        parts = [entry[name] for entry in self.entries]
        if name in INTEGERS:
            values = [
                np.broadcast_to(0 if p is None else p, n)
                for p, n in zip(parts, lengths, strict=True)
            ]
            null = [np.broadcast_to(p is None, n) for p, n in zip(parts, lengths, strict=True)]
            return pd.arrays.IntegerArray(_joined(values, np.int64), _joined(null, bool))
        values = [np.broadcast_to(p, n) for p, n in zip(parts, lengths, strict=True)]
        if name in TEXTS:
            return pd.array([str(x) for part in values for x in part.tolist()], dtype="str")
        return _joined(values, np.float64)


def _broadcast(parts: list[Any], lengths: list[int]) -> list[np.ndarray]:
    return [np.broadcast_to(part, n) for part, n in zip(parts, lengths, strict=True)]


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype, copy=False)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table row by row, as dictionaries; nulls are None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
