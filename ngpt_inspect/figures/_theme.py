"""How every figure looks, on paper and on screen: sizes, font, colours, one plotly template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
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
    "GPT": ("#d95f02", "#f2a154", "#8f3d00"),
    "nGPT": ("#1f77b4", "#6cb2e2", "#0b4373"),
}
"""Warm for GPT, blue for nGPT, told apart under the common colour-vision deficiencies and
on white or dark ground. The first checkpoint of a family takes the first shade."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
"""The second thing, besides the shade, that tells checkpoints of one family apart."""
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


def template() -> go.layout.Template:
    """Return the template of all figures: thin axes, a faint grid, 8 pt type, no title."""
    import plotly.graph_objects as go

    axis = {
        "showline": True,
        "linewidth": 0.8,
        "linecolor": "#444444",
        "ticks": "outside",
        "ticklen": 3,
        "tickwidth": 0.8,
        "tickcolor": "#444444",
        "gridcolor": "#e8e8e8",
        "gridwidth": 0.7,
        "zeroline": False,
        "automargin": False,
        "title": {"standoff": 4, "font": {"size": FONT_SIZE}},
        "tickfont": {"size": FONT_SIZE - 1},
    }
    layout = go.Layout(
        font={"family": FONT, "size": FONT_SIZE, "color": "#222222"},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        xaxis=axis,
        yaxis=axis,
        hoverlabel={"font": {"family": FONT, "size": 12}, "align": "left"},
        hovermode="closest",
        legend={"font": {"size": FONT_SIZE}, "bgcolor": "rgba(0,0,0,0)", "tracegroupgap": 0},
    )
    return go.layout.Template(layout=layout)
