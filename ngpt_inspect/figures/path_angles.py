"""How far each block moves the hidden state, and how far it is still from where it goes."""

from html import escape

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.lines import remarks
from ngpt_inspect.figures.drawing.paths import NO_TRACE, keys, path_trace, paths

PANELS = {
    "angle_moved": "moved by the block",
    "angle_to_suggestion": "from before the block to its suggestion",
    "angle_to_final": "to the final state",
    "angle_to_next": "to the next token's output embedding",
}


def draw(table: Frame, *, width: int = TWO_COLUMNS, token: int | None = None) -> Drawing:
    """Draw four angles against normalized depth, one line a checkpoint.

    x: state / (2 n_layers), 0 the input embedding, 1 the final state. y: degrees, the mean over
    tokens or one token. A filled marker stands after attention, an open one after the MLP.
    """
    row = "mean" if token is None else "state"
    shown = table[table["row"] == row]
    if token is not None:
        shown = shown[(shown["token"] == token).fillna(False).astype(bool)]
    shown.attrs = {}
    x = Axis(title="normalized depth")
    panels = {
        name: Panel(title=title, x=x, y=Axis(title="degrees")) for name, title in PANELS.items()
    }
    pairs = list(panels.values())
    canvas = Canvas([pairs[:2], pairs[2:]], width, height=138)
    said = []
    for line, rows in paths(shown, table.attrs.get("checkpoints")):
        for name, panel in panels.items():
            hover = "%{customdata[2]}<br>%{y:.2f}°"
            canvas.add(panel, path_trace(line, rows, "depth", name, hover))
        keys(canvas, line)
        if token is not None:
            said.append(_said(line.label, rows))
    empty = "" if len(shown) else (NO_TRACE if token is None else f"No token {token}.")
    canvas.notes += remarks(table, empty, *said)
    return canvas.finish()


def _said(label: str, rows: Frame) -> str:
    first = rows.iloc[0]
    following = escape(str(first["next_text"]))
    after = f", followed by “{following}”" if following not in ("", "nan") else ", the last one"
    return f"{label}: token {first['token']} is “{escape(str(first['text']))}”{after}."


FIGURE = Figure(
    name="path_angles",
    title="Steps on the hypersphere",
    summary="Angles of the hidden state by normalized depth, mean over the tokens of a prompt or "
    "one token: what a block moves it, how far off its suggestion was, and how far it still is "
    "from where it ends and from the output embedding of the true next token.",
    results="path",
    draw=draw,
    options=(Choice(name="token", values=(), help="Only this token, from 0; else the mean."),),
    formula="angle = 2 atan2(‖u − v‖, ‖u + v‖) of the directions u and v, in degrees; a GPT's "
    "states are normalised for it.",
    source="arXiv 2410.01131, section 2.2.2, equations 10 and 11 (not a figure of the paper)",
)
