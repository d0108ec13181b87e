"""Figure 6: all that nGPT learns besides its matrices, arranged as in the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._layers import LAYER_AXIS, draw_by_layer, quartiles_of
from ngpt_inspect.figures._panels import WIDE_GAP, Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures.scaling_factors import draw_factor, title_of
from ngpt_inspect.vocabulary import Kind, Role, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ALPHA, FACTOR = "eigen_learning_rate", "scaling_factor"
GRID = ((Role.ALPHA_A, Role.S_U, Role.S_QK), (Role.ALPHA_M, Role.S_NU, Role.S_Z))


def draw(table: pd.DataFrame) -> go.Figure:
    """Draw α_A, s_u, s_qk above and α_M, s_ν, s_z below.

    x: normalized layer index; y: mean over the coordinates with the quartile band. For s_z,
    x: the factor; y: density over tokens.
    """
    suffixes = ("mean", "quantile", "density", "density_at")
    rows = Rows(table, [f"{each}_{suffix}" for each in (ALPHA, FACTOR) for suffix in suffixes])
    roles = [role for line in GRID for role in line]
    there = rows.present(roles)
    titles = [[title_of(role) if role in there else None for role in line] for line in GRID]
    panels = Panels(rows, titles if there else [], roles, gap=WIDE_GAP, spacing=0.06)
    for row, line in enumerate(GRID, 1):
        for column, role in enumerate(line, 1):
            if role not in there:
                continue
            if role.facts.kind is Kind.SCALING:
                draw_factor(panels, (row, column), role)
            else:
                band = quartiles_of(ALPHA)
                draw_by_layer(panels, (row, column), role, f"{ALPHA}_mean", name="mean", band=band)
    alphas = [(1, 1), (2, 1)]
    panels.share_y([cell for cell in alphas if cell in panels.cells])
    panels.label([cell for cell in alphas if cell in panels.cells], x=LAYER_AXIS)
    return panels.finish()


FIGURE = Figure(
    name="learned_scales",
    title="Eigen learning rates and scaling factors",
    summary="α_A, α_M, s_u, s_ν and s_qk by normalized layer index (mean over coordinates, "
    "quartile band), and the density of s_z over tokens. nGPT only.",
    needs=("eigen_learning_rates", "scaling_factors"),
    draw=draw,
    formula="stored value · init / scale for each coordinate (section 2.5), |·| for α.",
    source="arXiv 2410.01131, Figure 6",
    roles=tuple(str(role) for role in roles_of(Kind.EIGEN_LEARNING_RATE, Kind.SCALING)),
)
