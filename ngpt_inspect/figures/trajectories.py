"""How a quantity moves while a model trains: its value at each saved step, a panel a role."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import escape
from typing import Any

from ngpt_inspect.figures._cut_table import styles, whole
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import (
    NEUTRAL,
    TWO_COLUMNS,
    Axis,
    Canvas,
    Drawing,
    Frame,
    Panel,
    faded,
    line_key,
    scatter,
)
from ngpt_inspect.figures.canvas.text import short
from ngpt_inspect.figures.drawing.choices import switch
from ngpt_inspect.figures.drawing.lines import Line, draw_line, looks, remarks
from ngpt_inspect.measures import MEASURES, Followed
from ngpt_inspect.vocabulary import ATTENTION, MLP, OUTSIDE_LAYERS, Role, Series, Status

USUAL = "condition_number"
"""What is followed where nothing is chosen: it comes first."""
DECLARED = {
    name: (each.name, followed)
    for each in MEASURES.values()
    for name, followed in each.followed.items()
}
QUANTITIES = {USUAL: DECLARED[USUAL]} | DECLARED
"""What can be followed: the measure that declares it, and how."""
LAYERED = {
    name: each
    for name, each in QUANTITIES.items()
    if not set(MEASURES[each[0]].roles) <= set(OUTSIDE_LAYERS)
}
"""What can be followed of a single layer."""
AXES = {"steps": "steps", "tokens": "training tokens"}
PALEST, STRONGEST = 0.15, 0.6
"""Opacity of the lines of the first and of the last layer."""
GROUPS = (ATTENTION, MLP, tuple(role for role in Role if role not in (*ATTENTION, *MLP)))
"""Panels that belong together."""
EVERYTHING = "over all layers"


def followed_choice(quantities: Mapping[str, tuple[str, Followed]]) -> Choice:
    """Return the choice of what is followed; the first is the default."""
    return Choice(
        name="quantity",
        values=tuple(quantities),
        help="What is followed.",
        needs={name: (measure,) for name, (measure, _) in quantities.items()},
    )


def draw(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    quantity: str = "condition_number",
    against: str = "steps",
    hide_layers: bool = False,
    drift: bool = False,
) -> Drawing:
    """Draw one panel a role: the quantity over steps, a strong line a run over all its layers.

    Pale lines are its layers, the earlier the paler. All are rows of the table: nothing is
    averaged here. `drift` divides each line by its value at the first step that has one.
    """
    _, followed = QUANTITIES[quantity]
    of_it = rows_of(table, followed.series)
    if followed.over is not None:
        of_it |= rows_of(table, followed.over) & table["layer"].isna()
    skipped = table["status"] == Status.SKIPPED
    rows = _placed(table[of_it | skipped], against)
    rows.attrs = {}  # pandas copies them deeply with every selection
    rows = _over_first(rows) if drift else rows
    shown = rows[rows["status"] != Status.SKIPPED]
    there = set(shown.loc[shown["x"].notna(), "role"])
    x = Axis(title=AXES[against], write=short)
    y = Axis(title="over the first step's" if drift else followed.label, log=followed.log)
    lines = [
        {
            role: Panel(title=role.facts.symbol, x=x, y=y if followed.shared else replace(y))
            for role in group
            if str(role) in there
        }
        for group in GROUPS
    ]
    canvas = Canvas([list(line.values()) for line in lines], width)
    runs = list(runs_of(table))
    for label, line, n_layers in runs:
        mine = shown[(shown["checkpoint"] == label) & shown["x"].notna()]
        for role, panel in (item for panels in lines for item in panels.items()):
            here = mine[mine["role"] == str(role)]
            _draw_run(canvas, panel, line, here, followed, 0 if hide_layers else n_layers)
    if drift:
        canvas.notes.append(f"{followed.label}, over its value at the first step.")
    canvas.notes += remarks(table, *_notes(rows, shown, runs, followed, against))
    return canvas.finish()


def _over_first(rows: Frame) -> Frame:
    """Return the rows with values over those of the same line at its first step."""
    line = ["checkpoint", "role", "tensor", "layer", "expert", "head", "measure", "statistic"]
    values = rows["value"].where((rows["value"] != 0) & rows["x"].notna())
    ordered = rows.assign(value=values).sort_values("x", kind="stable")
    first = ordered.groupby(line, dropna=False)["value"].transform("first")
    return rows.assign(value=rows["value"] / first.reindex(rows.index))


def rows_of(table: Frame, series: Series) -> Any:
    """Return which rows are of a series."""
    of, statistic = series
    column = table["statistic"]
    told = column.isna() if statistic is None else (column == statistic).fillna(False)
    return (table["measure"] == of) & told


def _placed(table: Frame, against: str) -> Frame:
    """Return the rows with their place on the x axis; NaN where the checkpoint does not say."""
    step = table["step"].astype("Float64").astype("float64")
    if against == "steps":
        return table.assign(x=step)
    facts = table.attrs.get("checkpoints", [])
    tokens = {(told["label"], told["step"]): told.get("tokens") for told in facts}
    places = zip(table["checkpoint"], step, strict=True)
    found = [tokens.get((name, at if math.isfinite(at) else None)) for name, at in places]
    return table.assign(x=[math.nan if value is None else float(value) for value in found])


def runs_of(table: Frame) -> Iterator[tuple[str, Line, int]]:
    """Yield the label, the style and the number of layers of each run: all steps of it as one."""
    runs = {style.checkpoint: style for style in styles(table, table.attrs.get("checkpoints", []))}
    facts = table.attrs.get("checkpoints", [])
    told = {each["label"]: (each["color"], each["dash"]) for each in facts if "color" in each}
    lines = looks(runs, [style.family for style in runs.values()], told=told)
    for (label, style), line in zip(runs.items(), lines, strict=True):
        yield label, line, style.n_layers


def _draw_run(
    canvas: Canvas, panel: Panel, line: Line, rows: Frame, followed: Followed, n_layers: int
) -> None:
    """Draw the pale lines of a role's layers (as many as are asked for) and the strong one."""
    layered = rows["layer"].notna().any()
    weights = rows[rows_of(rows, followed.series) & (rows["layer"].notna() | (not layered))]
    for (layer, expert), of_weight in weights.groupby(["layer", "expert"], dropna=False):
        if layered and n_layers:
            _draw_layer(canvas, panel, line, of_weight, whole(layer), whole(expert), n_layers)
    strong = rows[rows["layer"].isna()] if layered else weights
    if len(strong):
        hover = f"{EVERYTHING if layered else ''}<br>%{{x:,.6g}}: %{{y:.5g}}"
        strong = _finite(canvas, panel, line, strong)
        draw_line(canvas, panel, line, strong, "x", "value", hover=hover)


def _draw_layer(
    canvas: Canvas,
    panel: Panel,
    line: Line,
    rows: Frame,
    layer: int | None,
    expert: int | None,
    n_layers: int,
) -> None:
    rows = _finite(canvas, panel, line, rows).sort_values("x", kind="stable")
    share = (layer or 0) / max(n_layers - 1, 1)
    color = faded(line.color, PALEST + (STRONGEST - PALEST) * share)
    named = f"layer {layer}" + ("" if expert is None else f", expert {expert}")
    xs, ys = ([float(value) for value in rows[name]] for name in ("x", "value"))
    trace = scatter(
        x=xs,
        y=ys,
        mode="lines" if len(xs) > 1 else "markers",
        line={"color": color, "dash": line.dash, "width": 0.9},
        marker={"color": color, "size": 3.5, "symbol": line.symbol},
        name=line.label,
        legendgroup=line.label,
        hovertemplate=f"<b>{line.label}</b><br>{named}<br>%{{x:,.6g}}: %{{y:.5g}}<extra></extra>",
        meta=named,
    )
    canvas.add(panel, trace)
    pale = line_key(faded(NEUTRAL, STRONGEST), width=0.9)
    canvas.key("each layer, the earlier the paler", pale, meta="key")


def _finite(canvas: Canvas, panel: Panel, line: Line, rows: Frame) -> Frame:
    """Return the rows that have a place on the axis; mark the infinite ones at its top."""
    values = rows["value"].astype(float)
    infinite = [float(x) for x in rows.loc[values.map(math.isinf), "x"]]
    if infinite:
        text = f"<b>{line.label}</b><br>∞: rank deficient"
        canvas.at_edge(panel, infinite, "infinite", line.color, text, name=line.label)
    kept = values.map(math.isfinite) & ((values > 0) | (not panel.y.log))
    return rows[kept]


def _notes(
    rows: Frame, shown: Frame, runs: list[tuple[str, Line, int]], followed: Followed, against: str
) -> Iterator[str]:
    """Yield what is missing from the figure, and what a single point stands for."""
    if shown.empty:
        yield f"No rows of {followed.series} here."
    if followed.log and (shown["value"] == 0).any():
        yield "Values that are zero have no logarithm and are left out."
    for name, line, _ in runs:
        label = line.label
        mine = shown[shown["checkpoint"] == name]
        skipped = rows[(rows["checkpoint"] == name) & (rows["status"] == Status.SKIPPED)]
        reasons = [escape(str(reason)) for reason in skipped["reason"]]
        if mine.empty and len(shown):
            yield f"{label} has nothing of it{f': {reasons[0]}' if reasons else ''}."
            continue
        if mine["x"].isna().any():
            yield f"{label} does not say how many {AXES[against]} it has seen."
        elif mine["x"].nunique() == 1:
            yield f"{label}: one saved step; a line takes several (of a run: steps 'all')."
        if reasons:
            yield f"{label}: {len(reasons)} not measured, such as: {reasons[0]}"


FIGURE = Figure(
    name="trajectories",
    title="Through training",
    summary="One quantity at every saved step, a panel a role: the strong line is over all layers, "
    "pale lines are single layers, the earlier the paler.",
    draw=draw,
    options=(
        followed_choice(QUANTITIES),
        Choice(
            name="against",
            label="Horizontal axis",
            values=tuple(AXES),
            help="What is on the x axis.",
        ),
        switch("hide_layers", "Without the pale lines of single layers."),
        switch("drift", "Over the value at the first step of the run."),
    ),
    formula="as in the figure of that measure, at each step; over all layers: the median over "
    "heads of all layers, the mean over coordinates of all layers, or the largest deviation.",
    source="arXiv 2410.01131, Figures 4 to 6 (their quantities; over training, not in the paper)",
    over_steps=True,
)
