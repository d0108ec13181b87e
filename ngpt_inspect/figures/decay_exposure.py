"""Condition numbers by decay exposure: what stands behind the contrast of Figure 5."""

from dataclasses import replace
from itertools import cycle

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import DOTTED, TWO_COLUMNS, Axis, Drawing, Frame
from ngpt_inspect.figures.drawing.attention import FORMULA, KAPPA, attention_panels
from ngpt_inspect.figures.drawing.choices import LAYER
from ngpt_inspect.figures.drawing.lines import draw_line, in_panels, lines, remarks

LINE = ("family", "recipe", "learning_rate")
USUAL = "AdamW"
SYMBOLS = ("square", "triangle-up", "x", "star", "cross", "hexagon")
PAPER = (5.0, 15.0)
"""E of the paper's GPT: decay 0.1, rates of 1e-3 to 3e-3, a cosine of 100,000 steps (Table 3)."""
DASHED = DOTTED | {"dash": "dash"}
BAR, HOVER = ("low", "high"), "E %{x:.3g}<br>κ %{y:.4g}"


def draw(table: Frame, *, width: int = TWO_COLUMNS, layer: int = 0) -> Drawing:
    """Draw one panel a weight of one layer: condition number by exposure, a line a recipe.

    nGPT has no decay, hence no exposure: its lines run level across the panel. Dashed uprights
    bound the exposure of the paper's runs, a dotted level is a random matrix.
    """
    here = table[table["layer"] == layer]
    canvas, panels = attention_panels(Axis(title="decay exposure E"), width)
    ends = [0.0, max([PAPER[1], *map(float, here["exposure"])])]
    marks = _marks(here)
    for plain, panel, rows in in_panels(lines(here, LINE), panels, "weight"):
        line = replace(plain, symbol=marks.get(rows["recipe"].iloc[0], plain.symbol))
        points = _level(rows, ends)
        draw_line(canvas, panel, line, points, "exposure", KAPPA, between=BAR, hover=HOVER)
    for name, panel in panels.items() if len(here) else ():
        for bound in PAPER:
            canvas.upright(panel, bound, DASHED, "exposure of the paper's runs")
        for random in map(float, here.loc[here["weight"] == name, "at_random"].dropna().unique()):
            canvas.level(panel, random, ends, "random matrix")
    empty = "" if len(here) else f"Nothing of layer {layer}: give decay_exposure.csv."
    canvas.notes += remarks(table, empty)
    return canvas.finish()


def _marks(rows: Frame) -> dict[str, str]:
    """Return the symbols of recipes that differ from the usual one: often a point stands alone."""
    return dict(zip(sorted(set(rows["recipe"]) - {USUAL}), cycle(SYMBOLS)))


def _level(rows: Frame, ends: list[float]) -> Frame:
    """Return the points of a line; of a family without decay a level from end to end."""
    if (rows["family"] == "nGPT").all():
        return rows.iloc[[0, 0]].assign(exposure=ends)
    return rows


FIGURE = Figure(
    name="decay_exposure",
    title="Condition numbers by decay exposure",
    summary="Condition number of one layer's attention matrices and of their products after "
    "training, against the decay exposure of the run; geometric mean over seeds, bar from the "
    "lowest to the highest.",
    results="exposed_condition_numbers",
    draw=draw,
    options=(LAYER,),
    formula=f"E = sum over steps of learning rate times weight decay; {FORMULA}",
    source="arXiv 2410.01131, Figure 5; arXiv 2410.23819",
)
