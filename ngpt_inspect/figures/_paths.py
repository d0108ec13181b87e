"""Paths of hidden states: which line is whose, and where each block has brought it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from ngpt_inspect.figures._lines import SYMBOLS, WIDTH, Line
from ngpt_inspect.figures._rows import NO_STEP, styles
from ngpt_inspect.figures._theme import NEUTRAL

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.figures._line_panels import Grid

MARKER = 5
SHOWN_AT = "token %{customdata[0]}, %{customdata[2]}"
NO_TRACE = "No traces: write one with python -m reference_model.trace."
BLOCKS = {"attention": "", "mlp": "-open"}
"""How a marker tells which block a state comes out of; the embedding's is as attention's."""


def paths(table: pd.DataFrame) -> Iterator[tuple[Line, pd.DataFrame]]:
    """Yield each checkpoint that has rows, in its colour of every figure, with its rows."""
    steps = table["step"].fillna(NO_STEP).astype(int)
    told = table.attrs.get("checkpoints", [])
    for style in styles(table.rename(columns={"family": "architecture"}), told):
        rows = table[(table["checkpoint"] == style.checkpoint) & (steps == style.step)]
        if len(rows):
            symbol = SYMBOLS.get(style.family, "circle")
            yield Line(style.label, style.color, style.dash, symbol), rows


def path_trace(line: Line, rows: pd.DataFrame, x: str, y: str, hover: str, **look: Any) -> Any:
    """Return one path, a marker a state; `customdata` holds token, state and what was passed."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=_plain(rows[x]),
        y=_plain(rows[y]),
        mode="lines+markers",
        line={"color": line.color, "dash": line.dash, "width": WIDTH},
        marker={
            "symbol": [line.symbol + BLOCKS.get(block, "") for block in rows["block"]],
            "size": MARKER,
            "color": line.color,
            "line": {"color": line.color, "width": 1.2},
        },
        name=line.label,
        legendgroup=line.label,
        customdata=_places(rows),
        hovertemplate=f"<b>{line.label}</b><br>{hover}<extra></extra>",
        meta=y,
        **look,
    )


def keys(grid: Grid, line: Line) -> None:
    """Explain a line, and which marker stands for which block."""
    import plotly.graph_objects as go

    look = {"color": line.color, "dash": line.dash, "width": WIDTH}
    grid.key(line.label, go.Scatter(mode="lines", line=look, legendgroup=line.label))
    for block, suffix in BLOCKS.items():
        marker = {"symbol": f"circle{suffix}", "size": MARKER, "color": NEUTRAL}
        name = f"after {'MLP' if block == 'mlp' else block}"
        grid.key(name, go.Scatter(mode="markers", marker=marker))


def quoted(text: str) -> str:
    """Return a token's text for a label: blanks at its ends and line ends stay visible."""
    return f"“{escape(text.replace(chr(10), '↵').replace(' ', '␣') or '∅')}”"


def _plain(values: pd.Series) -> list[float | None]:
    return [None if value != value else float(value) for value in values]


def _places(rows: pd.DataFrame) -> list[list[Any]]:
    """Return token, state and words for each row."""
    return [
        [None if token is None else int(token), int(state), _passed(layer, block)]
        for token, state, layer, block in zip(
            rows["token"].astype(object).where(rows["token"].notna(), None),
            rows["state"],
            rows["layer"],
            rows["block"],
            strict=True,
        )
    ]


def _passed(layer: Any, block: str) -> str:
    name = "MLP" if block == "mlp" else block
    return name if block == "embedding" else f"{name} of layer {int(layer)}"
