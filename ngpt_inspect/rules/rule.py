"""One rule: which numbers of the tidy table it is about, and when they break it."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ngpt_inspect.measures import MEASURES
from ngpt_inspect.vocabulary import Series


class Severity(StrEnum):
    """How bad it is when a rule is broken."""

    ERROR = "error"
    """The checkpoint is not what it should be: `check` exits with 1."""
    WARNING = "warning"
    """Worth knowing before the numbers are read."""


class Scope(StrEnum):
    """What one value of a statistic is over."""

    WEIGHT = "weight"
    ROLE = "role"
    MODEL = "model"


class Against(StrEnum):
    """What is taken of a value and the value of the base at the same place."""

    RATIO = "ratio"
    """Value over the base's."""
    DIFFERENCE = "difference"
    """Value minus the base's."""
    RELATIVE = "relative"
    """Size of the difference over the size of the base's."""
    SAME = "same"
    """Of facts: whether they are equal."""


class RowState(StrEnum):
    """What a row of the table can be, apart from its value."""

    NOT_FINITE = "not_finite"
    """Skipped: the weight holds NaN or Inf."""
    SKIPPED = "skipped"
    """Not measured for another reason."""
    RANK_DEFICIENT = "rank_deficient"
    BELOW_RESOLUTION = "below_resolution"
    SAMPLED = "sampled"


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
"""How a value and a bound are compared: a rule is broken where this holds."""
ANY_ROLE = "any"
"""In the place of roles: whatever has one."""
PLACEHOLDER = re.compile(r"\{(bound|allowed)(?::([.\d]{0,3}[eg%]?))?\}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class CheckRule:
    """What is looked at, and when that is a warning or an error.

    Of `quantity`, `status` and `fact` it has what says what is looked at: a number, how far
    numbers can be trusted, or what the header says.
    """

    name: str
    """Lower-case words with hyphens; what `--explain` takes."""
    severity: Severity
    """`error` or `warning`."""
    measure: tuple[str, ...] = ()
    """Measures it reads: one, or with `status` several."""
    quantity: str | None = None
    """A quantity of the measure; by default the one it is named for."""
    statistic: str | None = None
    """What is judged is this of the values: `median`, `max`, `mean`, `abs_mean`, ...; without it
    each value is judged. A statistic that the measure gives itself can be named too."""
    over: Scope = Scope.WEIGHT
    """What the statistic is over: each `weight`, all of a `role`, the `model`."""
    roles: tuple[str, ...] = ()
    """Only these roles; `any` leaves out tensors without one."""
    layers: tuple[int, ...] = ()
    """Only these layers, from 0."""
    families: tuple[str, ...] = ()
    """Only models of these families: `GPT`, `nGPT`."""
    status: RowState | None = None
    """Broken where a row is this: `not_finite`, `skipped` (for another reason), `rank_deficient`,
    `below_resolution`, `sampled`."""
    fact: str | None = None
    """A fact of the header: `family`, `architecture`, `dtype`, `step`, `parameters`,
    `unrecognised` (how many tensors have no role), `n_layers`, `d_model`, `vocab_size`, `n_heads`,
    `n_kv_heads`, `d_k`, `d_mlp`, `n_experts`."""
    relative_to: str | None = None
    """What is compared is the value over this statistic of its weight: `median`."""
    where: Mapping[str, float] = field(default_factory=dict)
    """Only where other quantities at the same place have these values: `{ unit_norm = 0 }`."""
    base: Against | None = None
    """What is compared is the value and the base's at the same place: its `ratio`, `difference`,
    or `relative` difference; of facts whether they are the `same`. Judged only with `--base`."""
    comparison: str | None = None
    """Broken where value and bound compare so: `>`, `>=`, `<`, `<=`, `==`, `!=`."""
    bound: float | str | None = None
    """What is compared with."""
    allowed: float = 0.0
    """Share of the values of a weight that may break it."""
    item: str | None = None
    """The line of health that it decides; a rule without one is for `check` alone. `{role}` in it
    makes a line a role."""
    about: str = ""
    """What it is about, in words."""
    when: str = ""
    """When it is broken, in words; `{bound}` and `{allowed}` stand for the numbers."""
    advice: str = ""
    """What to do about it."""

    @property
    def series(self) -> Series | None:
        """The rows whose values are judged; None where none are."""
        if self.quantity is not None:
            return Series(self.quantity, self.statistic)
        if self.measure and self.status is None:
            return Series(MEASURES[self.measure[0]].headline.measure, self.statistic)
        return None

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities whose rows it reads."""
        if self.series is not None:
            return (self.series.measure,)
        return tuple(name for each in self.measure for name in MEASURES[each].quantities)

    @property
    def reads(self) -> tuple[str, ...]:
        """The measures it reads: its own, and those that give what `where` asks."""
        asked = (name for name, each in MEASURES.items() if self.where.keys() & each.quantities)
        return tuple(dict.fromkeys((*self.measure, *asked)))

    @property
    def words(self) -> str:
        """When it is broken: what it says itself, or the comparison."""
        return PLACEHOLDER.sub(self._number, self.when or self._comparison())

    @property
    def lead(self) -> str:
        """What it is about, with its numbers."""
        return PLACEHOLDER.sub(self._number, self.about)

    def _comparison(self) -> str:
        allowed = f" in more than {self.allowed:.2g} of a weight" if self.allowed else ""
        if self.status is not None:
            return f"when any of {', '.join(self.measure)} is {self.status}{allowed}"
        what = str(self.series or self.fact)
        if self.base is Against.SAME:
            return f"when {what} is not the base's"
        taken = "" if self.base is None else f", {self.base} to the base's,"
        taken += "" if self.relative_to is None else f" over the {self.relative_to} of its weight"
        bound = self.bound if isinstance(self.bound, str) else f"{self.bound:g}"
        return f"when {what}{taken} is {self.comparison} {bound}{allowed}"

    def _number(self, found: re.Match[str]) -> str:
        return format(getattr(self, found[1]), found[2] or "g")
