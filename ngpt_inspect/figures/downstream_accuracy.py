"""Figures 3, 8 and 9: accuracy on downstream tasks against training tokens."""

from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Canvas, Drawing, Frame, Panel
from ngpt_inspect.figures.canvas.text import short
from ngpt_inspect.figures.drawing.lines import draw_line, in_panels, lines, remarks

LINE = ("family", "size", "variant", "context_length", "batch_size", "learning_rate")
PLACE = ["task", "shots"]
TITLES = {"acc": "accuracy", "acc_norm": "accuracy, by length"}
AVERAGE = "average"
MOST = 8
"""Tasks that fit a page, besides their average."""


def draw(table: Frame, *, width: int = TWO_COLUMNS, metric: str = "acc") -> Drawing:
    """Draw one panel a task, the average of all last: accuracy by training tokens.

    A point is a separately scheduled run, as in the paper; where several checkpoints of runs
    were evaluated, each budget is a line. Dotted is who picks at random.
    """
    there = table[(table["metric"] == metric) & (table["tokens"] > 0)]
    places = sorted(_places(there), key=lambda place: (place[0] == AVERAGE, place))
    drawn = places if len(places) <= MOST + 1 else [*places[:MOST], *places[MOST:][-1:]]
    x, y = Axis(title="training tokens", log=True, write=short), TITLES[metric]
    shots = len({shots for _, shots in places}) > 1
    panels = {
        (task, many): Panel(title=f"{task}, {many} shots" if shots else task, x=x, y=Axis(title=y))
        for task, many in drawn
    }
    canvas = Canvas([list(panels.values())], width)
    bar, hover = ("low", "high"), "%{x:.4g} tokens<br>%{y:.4f}"
    told = lines(there, _by(there), ["tokens", *PLACE])
    for line, panel, mine in in_panels(told, panels, PLACE):
        draw_line(canvas, panel, line, mine, "tokens", "accuracy", between=bar, hover=hover)
    for (task, many), panel in panels.items():
        mine = there[(there["task"] == task) & (there["shots"] == many)]
        for chance in mine["chance"].dropna().unique():
            canvas.level(panel, float(chance), [x.low, x.high], "at random")
    empty = "" if len(there) else f"No {metric} of any task: give downstream_tasks.csv."
    left = len(places) - len(drawn)
    more = f"Not drawn: {left} more tasks." if left else ""
    canvas.notes += remarks(table, empty, more, _uncertainty(there))
    return canvas.finish()


def _places(table: Frame) -> set[tuple[str, int]]:
    pairs = table[PLACE].drop_duplicates()
    return set(pairs.itertuples(index=False, name=None))


def _uncertainty(table: Frame) -> str:
    largest = table["standard_error"].max()
    return f"Standard error over documents: at most {largest:.2g}." if largest > 0 else ""


def _by(table: Frame) -> tuple[str, ...]:
    """Return what makes a line: runs of all budgets, or where they have several steps, each."""
    steps = table.groupby([*LINE, "steps", *PLACE], dropna=False)["tokens"].nunique()
    return (*LINE, "steps") if (steps > 1).any() else LINE


FIGURE = Figure(
    name="downstream_accuracy",
    title="Accuracy on downstream tasks",
    summary="Accuracy on each task, and on average, against training tokens: mean over seeds, bar "
    "from the lowest to the highest; dotted is who picks at random.",
    results="downstream_accuracy",
    draw=draw,
    options=(
        Choice(
            name="metric",
            values=tuple(TITLES),
            help="acc: the most likely choice; acc_norm: the most likely a character.",
        ),
    ),
    formula="right answers over documents, of the choice of largest log p (acc) or log p a "
    "character (acc_norm), as lm-evaluation-harness takes them; average: the mean over tasks.",
    source="arXiv 2410.01131, Figures 3, 8 and 9",
)
