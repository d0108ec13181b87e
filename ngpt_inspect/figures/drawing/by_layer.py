"""Figures through the layers: one quantity of every matrix, or several quantities of one role."""

from collections.abc import Collection, Mapping, Sequence

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures.canvas import (
    NEUTRAL,
    TWO_COLUMNS,
    Drawing,
    Frame,
    Panel,
    across,
    line_key,
)
from ngpt_inspect.figures.drawing.board import Board, layer_axis, matrix_board, value_axis
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Role, Series


def draw_matrices(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    quantity: str,
    title: str,
    name: str = "",
    log: bool = False,
    held: Sequence[float] = (),
    of: str = "median",
    spread: tuple[str, str] = ("low", "high"),
    levels: Sequence[float] = (),
    normalized: str = "",
) -> Drawing:
    """Draw a panel a matrix, attention above and MLP below, a line a checkpoint.

    x: normalized layer index. y: the quantity, one range for all panels.

    Parameters
    ----------
    title, name
        What the axis says of the quantity, and what each value is called: by default the same.
    held
        What the axis has to hold besides.
    of
        The "median" over heads (the whole matrix where there are none) in a band between the two
        statistics of `spread`; a thin line for each of the "heads"; the "whole" matrix; "" for
        what has one value a matrix.
    levels
        Dotted lines to compare with.
    normalized
        The same quantity of the normalised matrices, dotted.
    """
    name, y = name or title, value_axis(title, log=log)
    y.cover(held)
    statistic, split = ("median", "") if of == "median" else (None, of)
    band = between(quantity, *spread) if of == "median" else None
    drawn, dotted = Series(quantity, statistic), Series(normalized, statistic)
    rows = CutTable(table, [drawn, *(band or ()), dotted])
    board, panels = matrix_board(rows, layer_axis(), y, width)
    for role, panel in panels.items():
        for level in levels:
            board.add(panel, across([0, 1], level).update(name=f"{name} = {level}"))
        draw_by_layer(board, panel, role, drawn, name=name, band=band, of=split)
        if normalized:
            said = f"normalised {name}"
            draw_by_layer(board, panel, role, dotted, name=said, dash="dot", of=split)
    if normalized:
        board.key("vectors scaled to length 1", line_key(NEUTRAL, dash="dot"), meta="key")
    return board.finish()


def draw_quantities(
    table: Frame,
    *,
    width: int = TWO_COLUMNS,
    role: Role,
    titles: Mapping[str, str],
    log: bool = False,
    single: Collection[str] = (),
    random: Mapping[str, str] | None = None,
) -> Drawing:
    """Draw a panel a quantity of one role: the median in a band from the least to the largest.

    x: normalized layer index. `single` are quantities with one value a layer;
    `random` says which of those is a quantity's value for random weights, a dotted line.
    """
    dotted = {of: Series(name) for of, name in (random or {}).items()}
    bands = {of: between(of, "min", "max") for of in titles if of not in single}
    lines = {of: Series(of, "median" if of in bands else None) for of in titles}
    ends = (end for band in bands.values() for end in band)
    rows = CutTable(table, [*lines.values(), *dotted.values(), *ends])
    x = layer_axis()
    titles = titles if rows.present([role]) else {}
    panels = {of: Panel(title=titles[of], x=x, y=value_axis(log=log)) for of in titles}
    board = Board(rows, [role], [list(panels.values())], width)
    for of, panel in panels.items():
        draw_by_layer(board, panel, role, lines[of], name=titles[of], band=bands.get(of))
        if of in dotted:
            draw_by_layer(board, panel, role, dotted[of], name="of random weights", dash="dot")
    if dotted and panels:
        board.key("of random weights", line_key(NEUTRAL, dash="dot"), meta="key")
    return board.finish()
