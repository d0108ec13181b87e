"""Where panels stand: how many fit side by side in a width, and all their places in pixels."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ngpt_inspect.figures.canvas.axes import Axis
from ngpt_inspect.figures.canvas.text import width_of, wrapped
from ngpt_inspect.figures.canvas.theme import FONT_SIZE

PAGE = 864
"""Pixels of the text of a page: 9 inches. No figure is taller."""
LEFT, RIGHT = 46, 8
"""Pixels beside the panels; tick labels and one axis title fit on the left."""
NARROWEST = (100, 76, 58)
"""A panel is never narrower than the first, if there is more than one beside another; than the
others only where panels would otherwise be lower than `LOWEST` to fit a page."""
LOWEST = 44
TALLEST = 0.86
"""Height of a panel by its width, at most."""
SHARED, TICKED, TITLED = 14, 38, 54
"""Pixels between two columns of panels that share tick labels, have their own, or a title too."""
TICKS, TITLE, AXIS_TITLE, BARE = 24, 17, 18, 8
"""Pixels of tick labels, of one line of a panel's title, of the title of an x axis, and of an
axis without either."""
TITLE_LINE = 13
SPACE = re.compile(r" (?![^<]*>)")
"""Between words, and not inside a tag."""
BESIDE = 12
"""Pixels of a tick, and of what is free around its label."""
TYPICAL = 118
"""Height of a panel, in pixels, for which the widest tick label is looked for."""
OVERHANG = 0.8
"""A panel is at least so wide, by the width of the title below it."""


@dataclass(kw_only=True, eq=False)
class Panel:
    """One panel: its title and axes. Panels with the same axis have one range."""

    title: str = ""
    """Breaks at a double space where it would meet the next."""
    x: Axis
    y: Axis
    below: list[str] = field(default_factory=list)
    """Words between the title and the panel."""
    narrowest: int = 0
    """Pixels that its words need, if it need not be lower than `LOWEST` to have them."""
    equal: bool = False
    """One unit is as long on y as on x; the range that has room to spare grows."""


Groups = Sequence[Sequence[Panel | None]]
"""Panels that belong together; None leaves a gap."""
Place = tuple[int, int]
"""Row and column, from 0."""


def arranged(groups: Groups, most: int) -> dict[Panel, Place]:
    """Give each panel a place in a grid of at most so many columns.

    One group a row where all fit side by side; else one group a column, where that fits; else
    each group goes on in the next row.
    """
    at = [(panel, g, n) for g, group in enumerate(groups) for n, panel in enumerate(group) if panel]
    if max(map(len, groups), default=0) <= most:
        return {panel: (group, n) for panel, group, n in at}
    if 1 < len(groups) <= most:
        return {panel: (n, group) for panel, group, n in at}
    above = [sum(math.ceil(len(each) / most) for each in groups[:g]) for g in range(len(groups))]
    return {panel: (above[group] + n // most, n % most) for panel, group, n in at}


class Layout:
    """The places of all panels in a figure, in pixels from the upper left panel's corner.

    Parameters
    ----------
    groups
        The panels.
    width
        Of the figure.
    height
        Of one panel, at most.
    around
        Pixels above the titles and below the panels: legend, colour bar, notes.
    """

    def __init__(self, groups: Groups, width: int, height: int, around: int) -> None:
        self.left, self.across = sides(groups, width)
        for narrowest in (_wished(groups), *NARROWEST):
            self._arrange(groups, narrowest)
            room = PAGE - around - sum(self.heads) - sum(map(self.foot, range(self.rows)))
            self.tall = math.floor(min(height, TALLEST * self.wide, room / self.rows))
            if self.tall >= min(LOWEST, height):
                break
        self.tall = max(self.tall, min(LOWEST, height))
        self.starts = [0]
        for row, head in enumerate(self.heads[1:]):
            self.starts.append(self.starts[-1] + self.tall + self.foot(row) + head)
        self.down = self.starts[-1] + self.tall

    def _arrange(self, groups: Groups, narrowest: int) -> None:
        alike = all(len({panel.y for panel in group if panel}) == 1 for group in groups)
        gap = SHARED if alike else TICKED
        most = max(1, (self.across + gap) // (narrowest + gap))
        self.places = arranged(groups, most)
        self.at = {place: panel for panel, place in self.places.items()}
        self.rows = 1 + max(row for row, _ in self.at)
        self.columns = 1 + max(column for _, column in self.at)
        self.gap = max((self._before(panel) for panel in self.places), default=SHARED)
        self.wide = (self.across - self.gap * (self.columns - 1)) / self.columns
        self.titles = {panel: self._title(panel) for panel in self.places}
        self.heads = [self._head(row) for row in range(self.rows)]

    def _before(self, panel: Panel) -> int:
        """Return the pixels that a panel needs on its left, inside the grid."""
        if not self.places[panel][1] or not self.has_y_ticks(panel):
            return SHARED
        return TITLED if self.has_y_title(panel) else TICKED

    def _title(self, panel: Panel) -> str:
        """Break a title where it would meet the next; add what is below."""
        lines, room = [panel.title], self.wide + SHARED
        if width_of(panel.title, FONT_SIZE) > room:
            parts = [SPACE.split(part) for part in panel.title.split("  ")]
            lines = [line for part in parts for line in wrapped(part, room, FONT_SIZE)]
        return "<br>".join([*lines, *wrapped(panel.below, self.wide, FONT_SIZE)])

    def _head(self, row: int) -> int:
        """Return the pixels that the titles of a row take."""
        mine = [title for panel, title in self.titles.items() if self.places[panel][0] == row]
        return max((TITLE + TITLE_LINE * each.count("<br>") for each in mine if each), default=0)

    def foot(self, row: int) -> int:
        """Return the pixels that ticks and axis titles below a row take."""
        mine = [panel for panel, place in self.places.items() if place[0] == row]
        titled = any(self.has_x_title(panel) and panel.x.title for panel in mine)
        ticked = any(self.has_x_ticks(panel) for panel in mine)
        return (TICKS if ticked else BARE) + AXIS_TITLE * titled

    def _next(self, panel: Panel, down: int, right: int) -> Panel | None:
        row, column = self.places[panel]
        return self.at.get((row + down, column + right))

    def has_y_ticks(self, panel: Panel) -> bool:
        """Whether the panel on its left does not say the same."""
        before = self._next(panel, 0, -1)
        return before is None or before.y is not panel.y

    def has_y_title(self, panel: Panel) -> bool:
        """Whether the panel on its left says something else."""
        before = self._next(panel, 0, -1)
        return before is None or before.y.title != panel.y.title

    def has_x_title(self, panel: Panel) -> bool:
        """Whether the panel below says something else."""
        after = self._next(panel, 1, 0)
        return after is None or after.x.title != panel.x.title

    def has_x_ticks(self, panel: Panel) -> bool:
        """Whether any panel of its row does not go on below with the same axis."""
        row = self.places[panel][0]
        mine = {each: self._next(each, 1, 0) for each, at in self.places.items() if at[0] == row}
        return any(after is None or after.x is not each.x for each, after in mine.items())

    def domains(self, panel: Panel) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the shares of the drawing's width and height, upwards, that a panel takes."""
        row, column = self.places[panel]
        x, y = column * (self.wide + self.gap), self.starts[row]
        across = (x / self.across, min((x + self.wide) / self.across, 1))
        return across, (max(1 - (y + self.tall) / self.down, 0), 1 - y / self.down)


def _wished(groups: Groups) -> int:
    """Return the pixels that the words of panels need."""
    panels = [panel for group in groups for panel in group if panel]
    titles = (round(OVERHANG * width_of(panel.x.title, FONT_SIZE)) for panel in panels)
    return max(NARROWEST[0], *titles, *(panel.narrowest for panel in panels))


def sides(groups: Groups, width: int) -> tuple[int, int]:
    """Return the pixels left of all panels, enough for what y axes say, and of all panels."""
    panels = [panel for group in groups for panel in group if panel]
    needs = [
        BESIDE + width_of(words, FONT_SIZE - 1) + (TITLE if panel.y.title else 0)
        for panel in panels
        for words in panel.y.names or panel.y.ticks(TYPICAL, upright=True)[1]
    ]
    left = math.ceil(max([LEFT, *needs]))
    return left, width - left - RIGHT
