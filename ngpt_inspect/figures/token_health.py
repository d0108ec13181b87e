"""Which tokens are unlike the others in length or in direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import RANK_AXIS, draw_rank_curve
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ROLES = roles_of(Kind.EMBEDDING)
QUANTITIES = {"norm_z": "z of ln norm", "mean_cosine": "cosine with mean"}


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS) -> go.Figure:
    """Draw rank curves of the robust z-score of the log norm and of the cosine with the mean row.

    x: normalized rank, 0 the smallest. A foot far below 0 on the left: rows much shorter than the
    others. A shelf on the right: rows that point the same way.
    """
    rows = Rows(table, [f"{quantity}_quantile" for quantity in QUANTITIES])
    roles = rows.present(ROLES)
    titles = [[f"{role.facts.symbol}  {name}" for role in roles] for name in QUANTITIES.values()]
    panels = Panels(rows, titles, ROLES, width=width)
    for row, (quantity, name) in enumerate(QUANTITIES.items() if roles else (), 1):
        for column, role in enumerate(roles, 1):
            draw_rank_curve(panels, (row, column), role, quantity, name)
        cells = [(row, column) for column in range(1, len(roles) + 1)]
        panels.share_y(cells)
        panels.label(cells, x=RANK_AXIS, y=name)
    return panels.finish()


FIGURE = Figure(
    name="token_health",
    title="Token health",
    summary="Sorted robust z-scores of the log norms, and cosines with the mean row, against "
    "normalized rank. A foot far below 0: short rows. A shelf at the top: rows that point alike.",
    needs=("token_health",),
    draw=draw,
    formula="(ln ‖eᵢ‖ − median) / max(1.4826 · MAD, rounding); eᵢ · m / (‖eᵢ‖ ‖m‖) with m the "
    "mean of the unit rows.",
    source="norms after arXiv 2405.05417; in nGPT all are equal (arXiv 2410.01131, section 2.6)",
)
