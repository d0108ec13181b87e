"""The contract of this room: a measure turns one weight into numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ngpt_inspect.vocabulary import Role, Status
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Values:
    """One quantity of one weight: a number, or a column of them.

    `value`, `head`, `index`, `partner` and `status` are scalars or columns of equal length.
    """

    measure: str
    """The quantity: ``condition_number``."""
    value: float | np.ndarray
    head: int | np.ndarray | None = None
    index: int | np.ndarray | None = None
    partner: int | np.ndarray | None = None
    status: Status | np.ndarray = Status.OK
    reason: str | np.ndarray = ""


def numbered(measure: str, column: Any, head: int | None = None) -> Values:
    """Return a column of numbers, a tensor or an array, indexed 0, 1, 2, ..."""
    import numpy as np

    # NumPy has no bfloat16, so a tensor becomes float64 before it becomes an array.
    values = np.asarray(column.double().cpu() if hasattr(column, "cpu") else column, np.float64)
    return Values(measure=measure, value=values, head=head, index=np.arange(len(values)))


class Summary(StrEnum):
    """How many values become few. `summaries.py` computes them; measures only ask."""

    HEADS = "heads"
    """Over the heads of a matrix (the whole matrix where there are none): `_median`, the
    quartiles `_low` and `_high`, `_min` and `_max`."""
    MEAN = "mean"
    """Over the index: `_mean` and `_std`."""
    MAGNITUDE = "magnitude"
    """Over the index (and heads), of |value|: `_abs_mean`, and the quartiles `_abs_low` and
    `_abs_high`."""
    SPREAD = "spread"
    """Over the index: `_min`, `_median` and `_max`."""
    QUANTILES = "quantiles"
    """The rank curve over heads and index: `_quantile` at index 0..1000 per mille."""
    DENSITY = "density"
    """Gaussian kernel density over heads and index: `_density` at `_density_at`; reflected at zero
    where no value is below it."""
    HISTOGRAM = "histogram"
    """Over heads and index: `_bin_count` values in the equal bins that begin at `_bin_left`."""
    LOG_HISTOGRAM = "log histogram"
    """The same in bins of equal ratio; `_bin_zero` counts the values without a logarithm."""
    POOLED = "pooled"
    """Over layers (and experts), heads and index; layer and expert are null: `_pooled_mean`,
    `_pooled_std`, `_pooled_abs_mean` and its quartiles, `_pooled_bin_left` and
    `_pooled_bin_count`, `_pooled_density_at` and `_pooled_density`."""
    POOLED_MEAN = "pooled mean"
    """Of these, `_pooled_mean` and `_pooled_std` alone."""
    POOLED_HEADS = "pooled heads"
    """Over the heads (whole matrices where there are none) of all layers and experts, which are
    null: `_pooled_median`, `_pooled_low`, `_pooled_high`, `_pooled_min` and `_pooled_max`."""

    @property
    def over_layers(self) -> bool:
        """Whether it is over all layers of a role; else it is of each weight."""
        return self in (Summary.POOLED, Summary.POOLED_MEAN, Summary.POOLED_HEADS)


class View(StrEnum):
    """How the printed table is laid out."""

    LAYERS = "layers"
    """Layers down, roles across, the one quantity of `shown` in each cell."""
    ROLES = "roles"
    """Roles (and layers) down, the quantities of `shown` across."""
    PAIRS = "pairs"
    """Token and partner down, with their texts where known; the quantities of `shown` across."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """A setting of a measure; the command line makes a flag of it."""

    name: str
    default: Any
    help: str
    least: int | None = None
    """The smallest value that makes sense; None where there is no such bound."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What is computed of which roles, and where it comes from.

    Adding one file that declares one `Measure` adds a subcommand, a help text, a dashboard
    choice and the generic tests.
    """

    name: str
    """Plural noun with underscores; the subcommand has hyphens."""
    title: str
    summary: str
    """One line for ``--help``."""
    roles: tuple[Role, ...]
    compute: Callable[[Weight, Mapping[str, Any], str], Iterable[Values]]
    """``compute(weight, options, device)``; raises `NonFiniteError` for NaN or Inf."""
    quantities: Mapping[str, str]
    """Quantity -> formula in words and symbols."""
    headline: str
    """The quantity that is drawn by default and compared with thresholds."""
    shown: tuple[str, ...]
    """Quantities of the printed table; summaries such as ``condition_number_median`` too."""
    source: str
    """Paper, equation or figure."""
    view: View = View.LAYERS
    summaries: Mapping[str, tuple[Summary, ...]] = field(default_factory=dict)
    """Quantity -> the summaries that make sense of it."""
    options: tuple[Option, ...] = field(default_factory=tuple)

    @property
    def command(self) -> str:
        """The subcommand's name."""
        return self.name.replace("_", "-")
