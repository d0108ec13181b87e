"""The same figure on a page: as wide as the page, larger type, on a light or dark ground."""

from typing import Any

from ngpt_inspect.figures.canvas.theme import DARK_PAGE, FONT_SIZE, LIGHT_PAGE, template
from ngpt_inspect.figures.canvas.types import Drawing

ENLARGED = 1.22
"""Type of 13 pixels; all that is measured in pixels grows alike, so that nothing collides."""

SHORTER = {
    "normalized layer index": "layer, 0 to 1",
    "normalized rank": "rank, 0 to 1",
}
"""Titles of axes that would meet those of the next panel on a narrow page."""


def for_screen(figure: Drawing, *, dark: bool) -> Drawing:
    """Return a copy of a figure that fills the width of a page."""
    import plotly.graph_objects as go

    page = go.Figure(figure)
    margin = page.layout.margin
    page.update_layout(
        template=template(DARK_PAGE if dark else LIGHT_PAGE, FONT_SIZE * ENLARGED),
        width=None,
        height=page.layout.height * ENLARGED,
        margin={side: margin[side] * ENLARGED for side in ("l", "r", "t", "b")},
    )
    for axis in page.select_xaxes():
        axis.title.text = SHORTER.get(axis.title.text, axis.title.text)
        axis.tickangle = 0
        if axis.type == "linear" and _is_plain(axis):
            # The browser knows how wide the panel is there, and how many numbers it has room for.
            axis.update(tickmode="auto", tickvals=None, ticktext=None)
    for trace in page.data:
        if "line" in trace and trace.line.width:
            trace.line.width *= ENLARGED
    for note in page.layout.annotations:
        note.xshift = (note.xshift or 0) * ENLARGED
        note.yshift = (note.yshift or 0) * ENLARGED
    bar = page.layout.coloraxis.colorbar
    for font in (bar.title.font, bar.tickfont, *(note.font for note in page.layout.annotations)):
        if font.size is not None:
            font.size *= ENLARGED
    return page


def _is_plain(axis: Any) -> bool:
    """Tell whether what stands at the ticks are their values."""
    values, words = axis.tickvals or (), axis.ticktext or ()
    return bool(values) and [f"{value:g}" for value in values] == list(words)


def grounds() -> dict[str, Any]:
    """Return the templates of both grounds, light and dark: all that differs between them."""
    size = FONT_SIZE * ENLARGED
    both = {"light": LIGHT_PAGE, "dark": DARK_PAGE}
    return {name: template(ground, size).to_plotly_json() for name, ground in both.items()}


def drawing_code() -> str:
    """Return plotly.js, which draws figures in a browser, as the installed plotly carries it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
