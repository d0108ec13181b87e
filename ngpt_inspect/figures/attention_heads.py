"""What the heads of each layer look at: how widely, and how much of it is the first token."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel, scatter
from ngpt_inspect.figures.drawing.lines import WIDTH, remarks
from ngpt_inspect.figures.drawing.paths import NO_TRACE, paths

PANELS = {
    "attention_entropy": ("entropy of attention", "nats"),
    "attention_to_first": ("weight of the first token", "share"),
}
UNSEEN = "No trace here holds the weights of attention."


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw a dot a head and a line through the medians of each layer, for each checkpoint.

    x: layer / (n_layers - 1). y: means over the queries from the second token on.
    """
    shown = table[table["row"] == "head"]
    x = Axis(title="normalized layer index")
    panels = {
        name: Panel(title=title, x=x, y=Axis(title=unit, from_zero=True))
        for name, (title, unit) in PANELS.items()
    }
    canvas = Canvas([list(panels.values())], width)
    for line, rows in paths(table, shown):
        depth = rows["layer"].astype(float) / max(1, int(rows["layer"].max()))
        where = [
            f"layer {layer}, head {head}"
            for layer, head in zip(rows["layer"], rows["head"], strict=True)
        ]
        for name, panel in panels.items():
            medians = rows[name].groupby(depth.to_numpy()).median()
            shared = {"legendgroup": line.label, "name": line.label}
            dots = scatter(
                x=depth.tolist(),
                y=rows[name].tolist(),
                mode="markers",
                marker={"color": line.color, "symbol": line.symbol, "size": 4, "opacity": 0.5},
                hovertext=where,
                hovertemplate=f"<b>{line.label}</b><br>%{{hovertext}}<br>%{{y:.4g}}<extra></extra>",
                meta=name,
                **shared,
            )
            through = scatter(
                x=medians.index.tolist(),
                y=medians.tolist(),
                mode="lines",
                line={"color": line.color, "dash": line.dash, "width": WIDTH},
                hoverinfo="skip",
                meta=f"median {name}",
                **shared,
            )
            canvas.add(panel, dots)
            canvas.add(panel, through)
        canvas.key(line.label, line.key(markers=False))
    empty = "" if len(shown) else (UNSEEN if len(table) else NO_TRACE)
    canvas.notes += remarks(table, empty)
    return canvas.finish()


FIGURE = Figure(
    name="attention_heads",
    title="What heads look at",
    summary="A dot a head, a line through the medians of the layers: the entropy of a head's "
    "weights, mean over queries, and the weight that it gives the first token. Where most of it "
    "goes there, the first token is an attention sink.",
    results="path",
    draw=draw,
    formula="−Σ a log a of the weights a of a query; mean over the queries from the second token "
    "on, as is the weight of the first token.",
    source="attention sinks: arXiv 2309.17453, section 3.1 (not a figure of arXiv 2410.01131)",
)
