"""How every figure looks, on paper and on screen: sizes, font, colours, one plotly template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

PIXELS_PER_INCH = 96
"""Of layouts and of exported pages: 648 px make a PDF 6.75 inches wide."""
ONE_COLUMN = 312
"""Pixels of a 3.25 inch column (two-column venues such as ICML)."""
TWO_COLUMNS = 648
"""Pixels of the 6.75 inch text width of the same venues."""
FONT_SIZE = 10.67
"""Pixels: 8 pt on paper."""
FONT = "Arial, Helvetica, Liberation Sans, DejaVu Sans, sans-serif"
"""Plain faces with Greek letters; one of them is on every machine."""

SHADES = {
    "GPT": ("#d95f02", "#f2a154", "#8f3d00", "#c0346a"),
    "nGPT": ("#1f77b4", "#6cb2e2", "#0b4373", "#8081fd"),
}
"""Warm for GPT, blue for nGPT. Any two differ by 10 or more (CIEDE2000), to full protanopia,
deuteranopia and tritanopia too (simulated as Machado, Oliveira and Fernandes 2009). The first
checkpoint of a family takes the first shade."""
DASHES = ("solid", "7px,2px", "7px,2px,2px,2px", "14px,3px", "14px,3px,2px,3px")
"""In pixels, with short gaps: plotly's own long dashes leave out whole steps of a histogram.
The second thing, besides the shade, that tells checkpoints of one family apart: twenty in
all. Dotted lines are kept for what is not the checkpoint as it is: a tolerance, its matrices
after normalising."""
NEUTRAL = "#7f7f7f"
"""For what belongs to no checkpoint: reference lines, keys of the marks, footnotes."""


def shades_and_dashes(families: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a colour and a dash for each checkpoint of these families, in order."""
    count: Counter[str] = Counter()
    for family in families:
        shades = SHADES.get(family, SHADES["GPT"])
        yield shades[count[family] % len(shades)], DASHES[count[family] % len(DASHES)]
        count[family] += 1


def faded(color: str, opacity: float) -> str:
    """Return ``#rrggbb`` as plotly's ``rgba()`` with this opacity."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.3g})"


@dataclass(frozen=True)
class Ground:
    """The colours a figure stands on."""

    paper: str
    text: str
    axis: str
    grid: str


WHITE = Ground(paper="#ffffff", text="#222222", axis="#444444", grid="#e8e8e8")
LIGHT_PAGE = Ground(paper="rgba(0,0,0,0)", text="#222222", axis="#444444", grid="#e4e7ea")
DARK_PAGE = Ground(paper="rgba(0,0,0,0)", text="#e0e4e8", axis="#8a949e", grid="#2b343d")


@cache
def template(ground: Ground = WHITE, size: float = FONT_SIZE) -> go.layout.Template:
    """Return the template of all figures: thin axes, a faint grid, small type, no title."""
    import plotly.graph_objects as go

    axis = {
        "showline": True,
        "linewidth": 0.8,
        "linecolor": ground.axis,
        "ticks": "outside",
        "ticklen": 3,
        "tickwidth": 0.8,
        "tickcolor": ground.axis,
        "gridcolor": ground.grid,
        "gridwidth": 0.7,
        "zeroline": False,
        "automargin": False,
        "title": {"standoff": 4, "font": {"size": size}},
        "tickfont": {"size": size - 1},
    }
    layout = go.Layout(
        font={"family": FONT, "size": size, "color": ground.text},
        paper_bgcolor=ground.paper,
        plot_bgcolor=ground.paper,
        xaxis=axis,
        yaxis=axis,
        hoverlabel={"font": {"family": FONT, "size": 12}, "align": "left"},
        hovermode="closest",
        legend={"font": {"size": size}, "bgcolor": "rgba(0,0,0,0)", "tracegroupgap": 0},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": ground.axis, "activecolor": ground.text},
    )
    return go.layout.Template(layout=layout)
