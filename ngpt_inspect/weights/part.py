"""Which rows of a fused tensor are one weight."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which rows of a tensor, in (out, in) layout, belong to a weight.

    Rows are counted through where the tensor has more axes. They are seen as (groups, span), and
    start..stop of each span is taken, every step-th row: one group for blocks stacked one after
    another, one group a head for interleaved ones, a step of 2 where two roles alternate.
    """

    start: int
    stop: int
    step: int = 1
    groups: int = 1

    @property
    def height(self) -> int:
        """Rows in all."""
        return self.groups * len(range(self.start, self.stop, self.step))

    def __str__(self) -> str:
        """Return the rows as a slice: ``0:128:2``."""
        step = f":{self.step}" if self.step > 1 else ""
        each = f" of each of {self.groups} groups" if self.groups > 1 else ""
        return f"{self.start}:{self.stop}{step}{each}"

    def of(self, values: Any) -> Any:
        """Return these rows of a whole tensor or array, (groups, rows of each, ...)."""
        row = values.shape[-1:] if values.ndim > 1 else ()
        spans = values.reshape(self.groups, -1, *row)
        return spans[:, self.start : self.stop : self.step]
