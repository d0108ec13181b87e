"""The contract of this room: a figure draws a tidy table and computes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ngpt_inspect.citing import require_citation
from ngpt_inspect.figures.canvas import Drawing


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A choice a figure offers; its first value is the default, and the paper's way."""

    name: str
    values: tuple[Any, ...]
    """All values there are; empty where any whole number will do (a layer)."""
    help: str
    label: str = ""
    """What a page calls it, where the name says too little by itself."""
    default: Any = None
    """What is taken where nothing is chosen; None: the first of `values`, if there are any."""
    needs: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)
    """Value -> the measures that the figure needs besides its own when this value is chosen."""

    @property
    def usual(self) -> Any:
        """What is taken where nothing is chosen."""
        return self.values[0] if self.default is None and self.values else self.default


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: which table it needs and how it draws its rows.

    Adding one file that declares one `Figure` adds it to `ni.figure`, ``ngpt-inspect figures``
    and the dashboard.
    """

    name: str
    title: str
    summary: str
    """One line: what is on the axes and how to read it."""
    draw: Callable[..., Drawing]
    """``draw(table, *, width=TWO_COLUMNS, **options)``; width in pixels, at 96 an inch."""
    source: str
    """The figure it redraws, or where its numbers come from: any work that can be looked up, and
    the place in it."""
    needs: tuple[str, ...] = ()
    """Names of the measures whose rows `draw` reads whatever is chosen; the table is their
    concatenation. What one choice needs stands with it, and `needs_with` gives all."""
    results: str = ""
    """Instead of measures: the name of the wide table that `draw` reads: one of training
    results, or `path` of traces (`ngpt_inspect.plotting.wide`)."""
    options: tuple[Choice, ...] = ()
    formula: str = ""
    """How the drawn numbers are computed, in plain words and Unicode symbols."""
    roles: tuple[str, ...] | None = None
    """Draws these roles only: nothing else need be measured. None: all a measure covers."""
    singles: tuple[str, ...] = ()
    """Quantities of many values (with an `index`) that it draws one by one. Of others it gets
    the summaries, so that tables stay small."""
    over_steps: bool = False
    """Draws training: the folder of a run stands for all its checkpoints, not for the last."""

    def __post_init__(self) -> None:
        """Refuse a source that nobody can look up."""
        require_citation(self.source, f"the figure {self.name}")

    def needs_with(self, chosen: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the measures it needs with these options; those not chosen have their default."""
        found = dict.fromkeys(self.needs)
        for option in (option for option in self.options if option.needs):
            found |= dict.fromkeys(option.needs[chosen.get(option.name, option.usual)])
        return tuple(found)
