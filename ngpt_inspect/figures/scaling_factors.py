"""Figure 6, middle and right: the learned scaling factors, and the norm gains of a GPT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.figures._curves import draw_density, draw_histogram
from ngpt_inspect.figures._figure import Figure, Option
from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._layers import LAYER_AXIS, between, draw_by_layer
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.figures._theme import TWO_COLUMNS
from ngpt_inspect.vocabulary import Kind, Role, roles_of

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

QUANTITY = "scaling_factor"
SUFFIXES = (
    *("abs_mean", "abs_low", "abs_high", "density", "density_at"),
    *("pooled_bin_left", "pooled_bin_count"),
)
WITHOUT_LAYER = (Role.S_Z, Role.GAIN_FINAL)
VIEW = Option(
    name="view",
    values=("density", "histogram"),
    help="A vector outside the layers (s_z): a smooth density, or its histogram.",
)


def draw(table: pd.DataFrame, *, width: int = TWO_COLUMNS, view: str = "density") -> go.Figure:
    """Draw s_qk, s_u, s_ν by layer and the density of s_z; in a second group a GPT's gains.

    By layer, x: normalized layer index; y: mean of the absolute values of the coordinates with
    their quartile band. Density (s_z, final gain), x: the factor; y: Gaussian kernel density
    over tokens (coordinates) of Scott's bandwidth, for the paper does not give its own; or the
    histogram, count over the largest count. s_z is the inverse temperature of the softmax over
    the vocabulary.
    """
    rows = Rows(table, [f"{QUANTITY}_{suffix}" for suffix in SUFFIXES])
    found = [rows.present(roles_of(kind)) for kind in (Kind.SCALING, Kind.GAIN)]
    groups = [group for group in found if group]
    titles = [[title_of(role, view) for role in group] for group in groups]
    panels = Panels(rows, titles, roles_of(Kind.SCALING, Kind.GAIN), width=width)
    for number, group in enumerate(groups, 1):
        for at, role in enumerate(group, 1):
            draw_factor(panels, (number, at), role, view)
    return panels.finish()


def draw_factor(panels: Panels, cell: Cell, role: Role, view: str) -> None:
    """Draw one factor in one panel: by layer, or as a distribution where there is one vector."""
    name = title_of(role, view).replace("  ", " ")
    if role not in WITHOUT_LAYER:
        band = between(QUANTITY, "abs_low", "abs_high")
        draw_by_layer(panels, cell, role, f"{QUANTITY}_abs_mean", name=name, band=band)
    elif view == "density":
        draw_density(panels, cell, role, QUANTITY, name)
    else:
        draw_histogram(panels, cell, role, f"{QUANTITY}_pooled", name)
    if role in WITHOUT_LAYER:
        panels.cover_x([cell])
    panels.share_y([cell])
    panels.label([cell], x=role.facts.symbol if role in WITHOUT_LAYER else LAYER_AXIS)


def title_of(role: Role, view: str) -> str:
    """Say what a panel of this role shows."""
    symbol = role.facts.symbol
    return f"{symbol}  {view}" if role in WITHOUT_LAYER else f"mean |{symbol}|"


FIGURE = Figure(
    name="scaling_factors",
    title="Scaling factors",
    summary="s_qk, s_u and s_ν of nGPT by normalized layer index (mean of |s|, quartile band) and "
    "the density of s_z over tokens; the norm gains of a GPT in a row of their own.",
    needs=("scaling_factors",),
    draw=draw,
    options=(VIEW,),
    formula="s = stored · s_init / s_scale for each coordinate, without the √d that equation 21 "
    "adds to s_ν; gains as stored.",
    source="arXiv 2410.01131, Figure 6 (middle and right); gains are not in the paper",
)
