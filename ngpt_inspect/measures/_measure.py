"""The contract of this room: a measure turns one weight into numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ngpt_inspect.citing import require_citation
from ngpt_inspect.later.numpy import np
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import Weight


@dataclass(frozen=True, kw_only=True)
class Values:
    """One quantity of one weight: a number, or a column of them.

    `value`, `head`, `index`, `partner` and `status` are scalars or columns of equal length.
    """

    measure: str
    """The quantity: ``condition_number``."""
    statistic: str | None = None
    """What the numbers are of it, as ``mean``; None where each is a value of it."""
    value: float | np.ndarray
    head: int | np.ndarray | None = None
    index: int | np.ndarray | None = None
    partner: int | np.ndarray | None = None
    status: Status | np.ndarray = Status.OK
    reason: str | np.ndarray = ""


def numbered(measure: str, column: Any, **said: Any) -> Values:
    """Return a column of numbers, a tensor or an array; its index is 0, 1, 2, ... unless said."""
    # NumPy has no bfloat16, so a tensor becomes float64 before it becomes an array.
    values = np.asarray(column.double().cpu() if hasattr(column, "cpu") else column, np.float64)
    beside = {
        name: each.cpu().numpy() if hasattr(each, "cpu") else each for name, each in said.items()
    }
    return Values(measure=measure, value=values, **{"index": np.arange(len(values)), **beside})


def skipped(measure: str, reason: str, **said: Any) -> Values:
    """Return the row that says why there is no number; of an index a row for each place."""
    lost = {"status": Status.SKIPPED, "reason": reason, **said}
    if "index" in said:
        return numbered(measure, [math.nan] * len(said["index"]), **lost)
    return Values(measure=measure, value=math.nan, **lost)


def estimated(
    measure: str,
    value: float,
    error: float,
    reason: str,
    statistic: str | None = None,
    status: Status = Status.SAMPLED,
) -> Iterator[Values]:
    """Yield a number from a sample, or a statistic of it, and its standard error."""
    said, of = f"{reason}; standard error {error:.2g}", f"{statistic}_" if statistic else ""
    yield Values(measure=measure, statistic=statistic, value=value, status=status, reason=said)
    yield Values(measure=measure, statistic=f"{of}standard_error", value=error)


class Summary(StrEnum):
    """How many values become few. `statistics.py` computes them; measures only ask."""

    HEADS = "heads"
    """`median`, the quartiles `low` and `high`, `min` and `max`."""
    MEAN = "mean"
    """`mean` and `std`."""
    MAGNITUDE = "magnitude"
    """Of |value|: `abs_mean`, and the quartiles `abs_low` and `abs_high`."""
    SPREAD = "spread"
    """`min`, `median` and `max`."""
    QUANTILES = "quantiles"
    """The rank curve: `quantile` at index 0..1000 per mille."""
    DENSITY = "density"
    """Gaussian kernel density: `density` at `density_at`, reflected at zero where no value is
    below."""
    HISTOGRAM = "histogram"
    """`bin_count` values in the equal bins that begin at `bin_left`."""
    LOG_HISTOGRAM = "log histogram"
    """The same in bins of equal ratio; `bin_zero` counts the values without a logarithm."""


class View(StrEnum):
    """How the printed table is laid out."""

    LAYERS = "layers"
    """Layers down, roles across, the one quantity of `shown` in each cell."""
    ROLES = "roles"
    """Roles (and layers) down, the quantities of `shown` across."""
    TENSORS = "tensors"
    """Names of tensors down, those that no layout gives a role."""
    PAIRS = "pairs"
    """Token and partner down, with their texts where known; the quantities of `shown` across."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting of a measure; the command line makes a flag of it."""

    name: str
    default: Any
    help: str
    least: int | None = None
    """The smallest value that makes sense; None where there is no such bound."""
    of_tokens: bool = False
    """Whether it names tokens: then texts in it become ids, as each checkpoint has them."""


QUICK = Setting(
    name="quick",
    default=False,
    help="A random sample within about a second, with standard errors; status: sampled.",
)
"""Of measures that take longer than that where a vocabulary is large."""


PAIR_PRODUCT = 0.02
"""Nanoseconds of a pair of rows for each column, in one pass for all that looks at pairs."""
QUICK_COST = 1e9
"""Nanoseconds at most, where only a sample is asked for."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a measure of a weight takes, by its shape: what is left to do is told from it.

    In nanoseconds of one core of the machine of docs/performance.md (`benchmarks/cost.py`); on any
    other only their ratios hold.
    """

    values: float = 6.0
    """Of each value."""
    products: float = 0.0
    """Of each value, for each row or column of the shorter side: a Gram matrix."""
    spectra: float = 0.0
    """Of the shorter side to the third: what is computed of a Gram matrix."""
    heads: float = 0.0
    """Of each value once more, where there are heads."""
    pairs: float = 0.0
    """Of each pair of rows, to look at its product; that itself is `PAIR_PRODUCT`."""

    def of(self, shape: tuple[int, ...], *, heads: bool = False, multiplies: bool = False) -> float:
        """Return nanoseconds; `multiplies`: of the product of each pair of rows too."""
        shorter, pairs = min(shape, default=0), shape[0] * shape[0] / 2 if shape else 0.0
        each = self.values + self.products * shorter + self.heads * heads
        found = math.prod(shape) * each + shorter**3 * self.spectra + pairs * self.pairs
        return found + pairs * shape[-1] * PAIR_PRODUCT if multiplies else found


@dataclass(frozen=True, kw_only=True)
class Followed:
    """How the figure `trajectories`, here and in the dashboard, follows a quantity in training."""

    series: Series
    """Its rows of each weight."""
    label: str
    """What is on the y axis."""
    over: Series | None = None
    """Its rows over all layers of a role; None where they are of the same series."""
    log: bool = False
    """A logarithmic axis."""
    shared: bool = True
    """Whether all roles have values of one kind: then they share the axis."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A weight so small that its answer is known without this program, and that answer.

    A generic test measures it and asks every measure for a known value of every quantity.
    """

    role: Role
    weight: tuple[Any, ...]
    """Effective values in the role's shape, a matrix as (out, in)."""
    values: Mapping[str, float | tuple[float, ...]]
    """What must come out, by the name of the `Series`: a number, or all numbers in the order of the
    table (head by head, then the whole matrix); NaN where a value is skipped."""
    heads: int | None = None
    """How many heads it is cut into."""
    dtype: str = "F64"
    """How it is stored: a dtype that holds its values exactly."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are not the defaults."""
    beside: Mapping[Role, tuple[Any, ...]] = field(default_factory=dict)
    """Other weights of its layer, of a measure that reads them; of a stack, one an expert."""
    family: str = "nGPT"
    """Of the model that it is of."""


def no_wants(options: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a measure wants that looks at no pairs of rows."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What is computed of which roles, and where it comes from.

    Adding one file that declares one `Measure` adds a subcommand, its help, rows of tables and of
    documents, a choice of `trajectories` and of the dashboard, and the generic tests. A figure of
    its own it may have or not.
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
    headline: Series
    """What is compared with thresholds, and what a weight that cannot be measured has none of."""
    shown: tuple[Series, ...]
    """What the printed table has: single values, or statistics of them."""
    source: str
    """Any work that can be looked up and the place in it: ``arXiv 2005.10242, equation 2``."""
    cost: Cost = Cost()
    """How long it takes."""
    needs_torch: bool = True
    """False where it takes `Weight.array` and computes in NumPy: then torch is never imported."""
    wants: Callable[[Mapping[str, Any]], tuple[Any, ...]] = no_wants
    """``wants(options)``: what it takes of all pairs of rows, `Dots` or `Closest`. One pass over
    them serves all measures of a weight that are taken together."""
    view: View = View.LAYERS
    summaries: Mapping[str, tuple[Summary, ...]] = field(default_factory=dict)
    """Quantity -> its summaries of each weight: over index and heads (never over heads and the
    whole matrix together)."""
    pooled: Mapping[str, tuple[Summary, ...]] = field(default_factory=dict)
    """Quantity -> its summaries of each role: over layers and experts too."""
    options: tuple[Setting, ...] = field(default_factory=tuple)
    beside: bool = False
    """Whether it reads other weights of the layer: then `Weight.model` is there."""
    heads_only: bool = False
    """Whether it has numbers of heads alone, none of the whole matrix."""
    followed: Mapping[str, Followed] = field(default_factory=dict)
    """What can be followed through training, by the name of the choice."""
    known: tuple[Known, ...] = ()
    """Known answers: of each quantity at least one."""
    usual: str = ""
    """How to read it (docs/measures/): what trained models have."""
    alarming: str = ""
    """What is a reason to look closer, and at what."""
    random: str = ""
    """What a matrix of independent normal entries of that shape, or uniform points on the sphere,
    would have."""
    caution: str = ""
    """What the number depends on that the model does not: a gauge, a unit, a sample."""

    def __post_init__(self) -> None:
        """Refuse a source that nobody can look up."""
        require_citation(self.source, f"the measure {self.name}")

    @property
    def reads(self) -> tuple[Role | None, ...]:
        """Its roles, and None where it takes any matrix: then it reads those without a role."""
        any_matrix = set(roles_of(Kind.MATRIX)) <= set(self.roles)
        return (*self.roles, None) if any_matrix else self.roles

    def skipped(self, reason: str) -> Values:
        """Return the row that says why it was not taken."""
        return skipped(self.headline.measure, reason, statistic=self.headline.statistic)

    @property
    def can_be_quick(self) -> bool:
        """Whether ``quick=True`` gives a sample of it, in the same columns."""
        return QUICK in self.options

    @property
    def command(self) -> str:
        """The subcommand's name."""
        return self.name.replace("_", "-")
