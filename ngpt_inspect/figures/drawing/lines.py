"""Lines of training results: who has which colour, dash and symbol, and how a line is drawn."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Any

from ngpt_inspect.figures.canvas import Canvas, Drawing, Frame, Panel, Trace, scatter
from ngpt_inspect.figures.canvas.text import length, rate
from ngpt_inspect.figures.canvas.theme import shades_and_dashes

SYMBOLS = {"GPT": "circle", "nGPT": "diamond"}
"""The third thing, besides colour and dash, that tells the families apart: for grey print."""
WIDTH, MARKER = 1.4, 5.5
WORDS: dict[str, Callable[[Any], str]] = {
    "context_length": lambda value: f"context {length(value)}",
    "batch_size": "batch {}".format,
    "steps": "{:,} steps".format,
    "learning_rate": lambda value: f"rate {rate(value)}",
    "d_k": "d_k {}".format,
    "weight_decay": "decay {:g}".format,
    "compiled": lambda value: "compiled" if value else "not compiled",
}
"""How a column is said in a label; others as they are."""
FOLLOWING = ("batch_size", "learning_rate")
"""What usually follows from the rest of a setting; said where it does not."""
MOST_NOTES = 3
"""Footnotes of what a table remarks; the table has them all."""


@dataclass(frozen=True)
class Line:
    """How one line looks, and what the legend calls it."""

    label: str
    color: str
    dash: str
    symbol: str

    def key(self, *, markers: bool = True) -> Trace:
        """Return a sample of the line for the legend."""
        return scatter(
            mode="lines+markers" if markers else "lines",
            line={"color": self.color, "dash": self.dash, "width": WIDTH},
            marker={"symbol": self.symbol, "size": MARKER, "color": self.color},
        )


def lines(
    table: Frame, by: Sequence[str], within: Sequence[str] = (), *, skip: int = 0
) -> Iterator[tuple[Line, Frame]]:
    """Yield a style and the rows for each combination of these columns, GPT first.

    Parameters
    ----------
    by
        The family first. Labels say what differs between the lines and nothing else.
    within
        What tells panels or points of a line apart, so that it need not tell lines apart.
    skip
        How many looks are taken by other lines.
    """
    by = _telling(table, by, within)
    groups = [rows for _, rows in table.groupby(by, sort=True, dropna=False)]
    told = [name for name in by[1:] if table[name].nunique(dropna=False) > 1]
    families = [str(rows[by[0]].iloc[0]) for rows in groups]
    words = [[WORDS.get(name, str)(rows[name].iloc[0]) for name in told] for rows in groups]
    labels = [
        ", ".join([family, *filter(None, said)])
        for family, said in zip(families, words, strict=True)
    ]
    yield from zip(looks(labels, families, skip=skip), groups, strict=True)


def in_panels(
    told: Iterable[tuple[Line, Frame]], panels: Mapping[Any, Panel], by: str | list[str]
) -> Iterator[tuple[Line, Panel, Frame]]:
    """Yield each line with each panel that it has rows for; panels go by these columns."""
    for line, rows in told:
        found = dict(list(rows.groupby(by)))
        yield from ((line, panel, found[key]) for key, panel in panels.items() if key in found)


def run_lines(table: Frame) -> Iterator[tuple[Line, Frame]]:
    """Yield a style and the rows of each run, in the order of the table.

    So a run has the look that its checkpoint has in the figures of checkpoints.
    """
    groups = {str(run): rows for run, rows in table.groupby("run", sort=False)}
    families = [str(rows["family"].iloc[0]) for rows in groups.values()]
    told = table.attrs.get("looks", {})
    yield from zip(looks(groups, families, told=told), groups.values(), strict=True)


def looks(
    labels: Iterable[str],
    families: Sequence[str],
    *,
    skip: int = 0,
    told: Mapping[str, tuple[str, str]] | None = None,
) -> Iterator[Line]:
    """Yield the look of lines of these families, after so many that others have taken.

    `told` says colour and dash of some labels. Labels come out in HTML.
    """
    taken = [families[0]] * skip if families else []
    shades = islice(shades_and_dashes([*taken, *families]), skip, None)
    for label, family, shade in zip(labels, families, shades, strict=True):
        color, dash = (told or {}).get(label, shade)
        yield Line(escape(label), color, dash, SYMBOLS.get(family, "circle"))


def _telling(table: Frame, by: Sequence[str], within: Sequence[str]) -> list[str]:
    """Leave out a column of `FOLLOWING` where the others settle it."""
    kept = list(by)
    for name in (name for name in by if name in FOLLOWING):
        rest = [other for other in kept if other != name]
        if (table.groupby([*rest, *within], dropna=False)[name].nunique() <= 1).all():
            kept = rest
    return kept


def draw_line(
    canvas: Canvas,
    panel: Panel,
    line: Line,
    rows: Frame,
    x: str,
    y: str,
    *,
    between: tuple[str, str] | None = None,
    markers: bool = True,
    hover: str = "",
    together: bool = False,
) -> None:
    """Draw rows as one line over x, with a bar from the lower to the upper of two columns.

    `together`: one box tells of all lines at x, as `tell_together` has it.
    """
    rows = rows.sort_values(x, kind="stable")
    xs, ys = ([float(value) for value in rows[name]] for name in (x, y))
    trace = scatter(
        x=xs,
        y=[value if math.isfinite(value) else None for value in ys],
        mode="lines+markers" if markers else "lines",
        line={"color": line.color, "dash": line.dash, "width": WIDTH},
        name=line.label,
        legendgroup=line.label,
        hovertemplate=f"{hover}<extra>{line.label}</extra>"
        if together
        else f"<b>{line.label}</b><br>{hover or '%{x:.4g}, %{y:.4g}'}<extra></extra>",
        meta=y,
    )
    if markers:
        trace.marker = {"symbol": line.symbol, "size": MARKER, "color": line.color}
    covered = list(ys)
    if between is not None:
        low, high = ([float(value) for value in rows[name]] for name in between)
        covered += [*low, *high]
        trace.error_y = {
            "symmetric": False,
            "array": [b - a for a, b in zip(ys, high, strict=True)],
            "arrayminus": [a - b for a, b in zip(ys, low, strict=True)],
            "color": line.color,
            "thickness": 1,
            "width": 2.5,
        }
    canvas.add(panel, trace, y=covered)
    canvas.key(line.label, line.key(markers=markers))


def tell_together(figure: Drawing, x: str) -> Drawing:
    """Have one box tell of all lines at a place, written in this format."""
    figure.update_xaxes(hoverformat=x)
    return figure.update_layout(hovermode="x unified")


def remarks(table: Frame, *notes: str) -> list[str]:
    """Return footnotes: these, in HTML, then the first of what the table remarks."""
    said = [escape(remark) for remark in table.attrs.get("remarks", [])]
    kept = said[:MOST_NOTES]
    if len(said) > MOST_NOTES:
        kept.append(f"{len(said) - MOST_NOTES} more remarks: the table has them.")
    return [note for note in notes if note] + kept
