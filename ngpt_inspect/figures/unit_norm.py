"""Whether the vectors nGPT normalises are still of length 1, by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._layers import LAYER_AXIS, draw_by_layer
from ngpt_inspect.figures._matrices import matrix_panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.figures._tolerance import draw_embeddings, draw_tolerance
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

DEVIATION, TOLERANCE = "unit_deviation", "tolerance"
EMBEDDINGS = roles_of(Kind.EMBEDDING)


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw one panel a matrix and one for the two embeddings.

    x: normalized layer index. y: largest |‖v‖₂ − 1| over the vectors of length d_model (rows,
    but columns of W_o and W_oMLP), logarithmic. Dotted: the tolerance of the stored dtype; a
    line below it is on the hypersphere. A GPT is not meant to be.
    """
    rows = Rows(table, [DEVIATION, TOLERANCE])
    panels, cells = matrix_panels(rows, width=width, log=True, extra=EMBEDDINGS)
    for role, cell in cells.items():
        if role in EMBEDDINGS:
            continue
        draw_tolerance(panels, cell, role, TOLERANCE)
        draw_by_layer(panels, cell, role, DEVIATION, name="deviation")
    there = [role for role in EMBEDDINGS if role in cells]
    if there:
        draw_embeddings(panels, cells[there[0]], there, DEVIATION, TOLERANCE)
    panels.share_y(panels.cells)
    panels.label(panels.cells, y="max |‖v‖ − 1|")
    panels.label([cell for role, cell in cells.items() if role not in there], x=LAYER_AXIS)
    return panels.finish()


FIGURE = Figure(
    name="unit_norm",
    title="Distance from the hypersphere",
    summary="Largest distance from 1 of the norms of the vectors nGPT normalises, by normalized "
    "layer index. Below the dotted tolerance of the stored dtype: on the hypersphere.",
    needs=("unit_norm",),
    draw=draw,
    formula="max |‖v‖₂ − 1| over the vectors of length d_model: rows, but columns of W_o and "
    "W_oMLP.",
    source="arXiv 2410.01131, section 2.6, step 2 (not a figure of the paper)",
)
