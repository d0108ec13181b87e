"""Figure 6: all that nGPT learns besides its matrices, arranged as in the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._layers import LAYER_AXIS, between, draw_by_layer
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.figures.scaling_factors import SUFFIXES, VIEW, draw_factor, title_of
from ngpt_inspect.vocabulary import QK_SCALES, Kind, Role, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ALPHA, FACTOR = "eigen_learning_rate", "scaling_factor"
ABOVE, BELOW = (Role.ALPHA_A, Role.S_U), (Role.ALPHA_M, Role.S_NU, Role.S_Z)


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS, view: str = "density") -> go.Figure:
    """Draw α_A, s_u, s_qk (or s_q, s_k) and α_M, s_ν, s_z.

    x: normalized layer index; y: mean of the absolute values of the coordinates, as in the
    paper, with their quartile band. For s_z, x: the factor; y: Gaussian kernel density over
    tokens of Scott's bandwidth, for the paper does not give its own; or the histogram, count
    over the largest count. s_ν is without the √d of equation 21.
    """
    rows = Rows(table, [f"{each}_{suffix}" for each in (ALPHA, FACTOR) for suffix in SUFFIXES])
    above = (*ABOVE, *rows.sought(QK_SCALES))
    roles = [*above, *BELOW]
    there = rows.present(roles)
    titles = [
        [title_of(role, view) if role in there else None for role in above],
        [title_of(role, view) if role in there else None for role in BELOW]
        + [None] * (len(above) - len(BELOW)),
    ]
    panels = Panels(rows, titles if there else [], roles, width=width)
    lines = enumerate((above, BELOW), 1)
    places = {role: (row, at) for row, line in lines for at, role in enumerate(line, 1)}
    alphas = [places[role] for role in there if role.facts.kind is Kind.EIGEN_LEARNING_RATE]
    for role in there:
        if role.facts.kind is Kind.SCALING:
            draw_factor(panels, places[role], role, view)
            continue
        name, band = title_of(role, view), between(ALPHA, "abs_low", "abs_high")
        draw_by_layer(panels, places[role], role, f"{ALPHA}_abs_mean", name=name, band=band)
    panels.share_y(alphas)
    for cell in alphas:
        panels.label([cell], x=LAYER_AXIS)
    return panels.finish()


FIGURE = Figure(
    name="learned_scales",
    title="Eigen learning rates and scaling factors",
    summary="α_A, α_M, s_u, s_ν and s_qk by normalized layer index (mean of absolute "
    "values, quartile band), and the density of s_z over tokens. nGPT only.",
    needs=("eigen_learning_rates", "scaling_factors"),
    draw=draw,
    options=(VIEW,),
    formula="stored value · init / scale for each coordinate (section 2.5), |·| for α.",
    source="arXiv 2410.01131, Figure 6",
    roles=tuple(str(role) for role in roles_of(Kind.EIGEN_LEARNING_RATE, Kind.SCALING)),
)
