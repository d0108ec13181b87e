"""The canvas of figures of checkpoints: whose trace is whose, and what is missing and why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ngpt_inspect.figures._cut_table import CutTable, Style
from ngpt_inspect.figures.canvas import Axis, Canvas, Drawing, Panel, line_key
from ngpt_inspect.figures.canvas.panels import HEIGHT
from ngpt_inspect.figures.canvas.text import colored
from ngpt_inspect.figures.drawing.notes import why_not_drawn
from ngpt_inspect.vocabulary import ATTENTION, MLP, Role


def rank_axis() -> Axis:
    """Return the x axis of rank curves."""
    return Axis(title="normalized rank")


def layer_axis() -> Axis:
    """Return the x axis of what has one value a layer."""
    return Axis(title="normalized layer index")


def value_axis(title: str = "", *, log: bool = False) -> Axis:
    """Return a y axis of values: logarithmic, or from 0 where none is below."""
    return Axis(title=title, log=log, from_zero=not log)


class Board(Canvas):
    """A canvas for the rows of checkpoints.

    Parameters
    ----------
    rows
        What is drawn; its styles become the legend.
    roles
        The roles the figure is about: those that are nowhere are named in a footnote.
    groups, width, height
        As of `Canvas`.
    named_above
        The titles name the checkpoints, so that the legend need not.
    """

    def __init__(
        self,
        rows: CutTable,
        roles: Iterable[Role],
        groups: Sequence[Sequence[Panel | None]],
        width: int,
        *,
        height: int = HEIGHT,
        named_above: bool = False,
    ) -> None:
        super().__init__(groups, width, height=height)
        self.rows = rows
        self.roles = list(roles)
        self.named_above = named_above
        self.used: set[str] = set()

    def draw(
        self, panel: Panel, style: Style, trace: Any, y: Iterable[float | None] | None = None
    ) -> None:
        """Put a trace of one checkpoint into a panel; the y axis will cover `y`, or the trace."""
        self.used.add(style.key)
        self.add(panel, trace.update(legendgroup=style.key, name=style.label), y=y)

    def mark(self, panel: Panel, x: float, mark: str, style: Style, hover: str) -> None:
        """Show a value that the axis cannot hold at its edge, with the reason on hover."""
        self.used.add(style.key)
        said = {"legendgroup": style.key, "name": style.label}
        self.at_edge(panel, [x], mark, style.color, [hover], **said)

    def write_above(self, panel: Panel, style: Style, text: str) -> None:
        """Write a number of one checkpoint under the title of a panel, in its colour."""
        panel.below.append(colored(text, style.color))

    def finish(self) -> Drawing:
        """Add the legend of the checkpoints drawn and the footnotes; return the figure."""
        self.notes += why_not_drawn(self.rows, self.roles, self.used)
        others, self._keys = self._keys, {}
        for style in self.rows.styles:
            if style.key in self.used and not self.named_above:
                sample = line_key(style.color, dash=style.dash)
                self.key(style.label, sample, group=style.key)
        self._keys |= others
        return super().finish()


def role_panels(roles: Iterable[Role], x: Axis, y: Axis, title: str = "{}") -> dict[Role, Panel]:
    """Return a panel for each role, its symbol in the title; all have the same axes."""
    return {role: Panel(title=title.format(role.facts.symbol), x=x, y=y) for role in roles}


def matrix_board(
    rows: CutTable, x: Axis, y: Axis, width: int, *, extra: Mapping[Role, Panel] | None = None
) -> tuple[Board, dict[Role, Panel]]:
    """Return a board with a panel for each matrix that is there, attention above, MLP below.

    The panel of `extra` roles stands at the end, where the paper leaves a gap.
    """
    above, below = (role_panels(rows.present(group), x, y) for group in (ATTENTION, MLP))
    others = {role: panel for role, panel in (extra or {}).items() if rows.present([role])}
    last = [*below.values(), *dict.fromkeys(others.values())]
    roles = (*ATTENTION, *MLP, *(extra or {}))
    board = Board(rows, roles, [list(above.values()), last], width)
    return board, above | below | others
