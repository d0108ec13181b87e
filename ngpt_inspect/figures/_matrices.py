"""The arrangement of the figures that have a panel a matrix: attention above, MLP below."""

from __future__ import annotations

from collections.abc import Sequence

from ngpt_inspect.figures._grid import Cell
from ngpt_inspect.figures._panels import Panels
from ngpt_inspect.figures._rows import Rows
from ngpt_inspect.vocabulary import Role

ATTENTION = (Role.W_Q, Role.W_K, Role.W_V, Role.W_O)
MLP = (Role.W_U, Role.W_NU, Role.W_O_MLP)


def matrix_panels(
    rows: Rows, *, width: int, log: bool, extra: Sequence[Role] = ()
) -> tuple[Panels, dict[Role, Cell]]:
    """Return a grid with a panel for each matrix that is there, and where each one is.

    The roles of `extra` share one more panel at the end, where the paper leaves a gap.
    """
    found = [rows.present(group) for group in (ATTENTION, MLP)]
    lines = [list(group) for group in found if group]
    cells: dict[Role, Cell] = {
        role: (row, column)
        for row, group in enumerate(lines, 1)
        for column, role in enumerate(group, 1)
    }
    titles = [[role.facts.symbol for role in group] for group in lines]
    shared = rows.present(extra)
    if shared:
        titles = titles or [[]]
        titles[-1].append("embeddings")
        cells |= dict.fromkeys(shared, (len(titles), len(titles[-1])))
    roles = (*ATTENTION, *MLP, *extra)
    panels = Panels(rows, titles, roles, width=width, log=set(cells.values()) if log else ())
    return panels, cells
