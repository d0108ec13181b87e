"""Figure 6, middle and right: the learned scaling factors, and the norm gains of a GPT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import draw_density
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures._layers import LAYER_AXIS, draw_by_layer, quartiles_of
from ngpt_inspect.figures._panels import WIDE_GAP, Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.vocabulary import Kind, Role, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

QUANTITY = "scaling_factor"
WITHOUT_LAYER = (Role.S_Z, Role.GAIN_FINAL)


def draw(table: pd.DataFrame) -> go.Figure:
    """Draw s_qk, s_u, s_ν by layer and the density of s_z; in a second row a GPT's gains.

    By layer, x: normalized layer index; y: mean over the coordinates with the quartile band.
    Density (s_z, final gain), x: the factor; y: density over tokens (coordinates). s_z is the
    inverse temperature of the softmax over the vocabulary.
    """
    names = [f"{QUANTITY}_{suffix}" for suffix in ("mean", "quantile", "density", "density_at")]
    rows = Rows(table, names)
    found = [rows.present(roles_of(kind)) for kind in (Kind.SCALING, Kind.GAIN)]
    lines = [group for group in found if group]
    titles = [[title_of(role) for role in group] for group in lines]
    panels = Panels(rows, titles, roles_of(Kind.SCALING, Kind.GAIN), gap=WIDE_GAP, spacing=0.06)
    for row, group in enumerate(lines, 1):
        for column, role in enumerate(group, 1):
            draw_factor(panels, (row, column), role)
    return panels.finish()


def draw_factor(panels: Panels, cell: tuple[int, int], role: Role) -> None:
    """Draw one factor in one panel: by layer, or as a density where there is one vector."""
    if role in WITHOUT_LAYER:
        draw_density(panels, cell, role, QUANTITY, f"density of {role.facts.symbol}")
    else:
        band = quartiles_of(QUANTITY)
        draw_by_layer(panels, cell, role, f"{QUANTITY}_mean", name="mean", band=band)
    panels.share_y([cell])
    panels.label([cell], x=role.facts.symbol if role in WITHOUT_LAYER else LAYER_AXIS)


def title_of(role: Role) -> str:
    """Say what a panel of this role shows."""
    return f"{role.facts.symbol}  {'density' if role in WITHOUT_LAYER else 'mean'}"


FIGURE = Figure(
    name="scaling_factors",
    title="Scaling factors",
    summary="s_qk, s_u and s_ν of nGPT by normalized layer index (mean, quartile band) and the "
    "density of s_z over tokens; the norm gains of a GPT in a row of their own.",
    needs=("scaling_factors",),
    draw=draw,
    formula="s = stored · s_init / s_scale for each coordinate, without the √d that equation 21 "
    "adds to s_ν; gains as stored.",
    source="arXiv 2410.01131, Figure 6 (middle and right); gains are not in the paper",
)
