"""A map of one quantity through training: steps across, layers up, a panel a run and role."""

from typing import Any

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Canvas, Drawing, Frame, Panel, heatmap
from ngpt_inspect.figures.canvas.text import colored
from ngpt_inspect.figures.drawing.cells import layers_up, map_height, named_axis
from ngpt_inspect.figures.drawing.lines import Line
from ngpt_inspect.figures.trajectories import LAYERED, followed_choice, rows_of, runs_of
from ngpt_inspect.later.numpy import np
from ngpt_inspect.vocabulary import Role, Status

LEAST, MOST = 90, 240
"""Pixels of a panel."""


def draw(table: Frame, *, width: int = TWO_COLUMNS, quantity: str = "condition_number") -> Drawing:
    """Draw a panel a run and role: each saved step a column, each layer a row, a colour a value.

    The colour is logarithmic and means the same in all panels; what is zero, infinite or was not
    measured stays empty. Of several experts of a layer the median is drawn.
    """
    _, followed = LAYERED[quantity]
    runs = list(runs_of(table))
    rows = table[rows_of(table, followed.series) & table["layer"].notna() & table["step"].notna()]
    rows = rows[(rows["status"] != Status.SKIPPED) & (rows["value"] > 0)]
    rows = rows[rows["value"] < float("inf")]
    rows.attrs = {}  # pandas copies them deeply with every selection
    lines = [_panels(rows, label, line, n_layers) for label, line, n_layers in runs]
    height = map_height((n_layers for _, _, n_layers in runs), LEAST, MOST)
    canvas = Canvas([[panel for panel, _ in line] for line in lines], width, height=height)
    canvas.color_title = followed.label
    for panel, tiles in (each for line in lines for each in line):
        canvas.color([10**z for row in tiles.z for z in row if z is not None])
        canvas.add(panel, tiles, x=[], y=[])
    if not rows.size:
        canvas.notes.append("Nothing of it has a value at any layer and step.")
    return canvas.finish()


def _panels(rows: Frame, label: str, line: Line, n_layers: int) -> list[tuple[Panel, Any]]:
    """Return the panels of one run with their tiles, a panel a role."""
    mine = rows[rows["checkpoint"] == label]
    layers = layers_up(n_layers)
    out = []
    for role in (role for role in Role if (mine["role"] == str(role)).any()):
        here = mine[mine["role"] == str(role)]
        wide = here.pivot_table(index="layer", columns="step", values="value", aggfunc="median")
        wide = wide.reindex(range(n_layers))
        values = wide.to_numpy(dtype=float)
        title = f"{colored(line.label, line.color)}  {role.facts.symbol}"
        x = named_axis("step", map(str, wide.columns))
        tiles = heatmap(
            x=list(range(len(wide.columns))),
            y=list(range(n_layers)),
            z=[[None if np.isnan(v) else float(np.log10(v)) for v in row] for row in values],
            text=[[f"{v:.4g}" for v in row] for row in values],
            customdata=[[int(step) for step in wide.columns]] * n_layers,
            coloraxis="coloraxis",
            hovertemplate=f"<b>{line.label}</b><br>{role.facts.symbol}, layer %{{y}}, step "
            "%{customdata}<br>%{text}<extra></extra>",
            name=line.label,
            meta=f"{role} map",
        )
        out.append((Panel(title=title, x=x, y=layers), tiles))
    return out


FIGURE = Figure(
    name="layer_steps",
    title="Through training, layer by layer",
    summary="One quantity as a colour: saved steps across, layers up, a panel for each run and "
    "role, one logarithmic scale for all panels.",
    draw=draw,
    options=(followed_choice(LAYERED),),
    formula="as in the figure of that measure, at each step and layer.",
    source="arXiv 2410.01131, Figures 4 to 6 (their quantities; over training, not in the paper)",
    over_steps=True,
)
