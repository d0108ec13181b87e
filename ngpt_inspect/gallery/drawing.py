"""Figures by name, of checkpoints or of a table measured before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.figures import FIGURES, Figure
from ngpt_inspect.figures._theme import shades_and_dashes
from ngpt_inspect.gallery.rows import drawn_rows
from ngpt_inspect.tables import Source, measure
from ngpt_inspect.weights import WeightSet

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def figure(
    name: str,
    checkpoints: Source | Sequence[Source] | None = None,
    *,
    table: pd.DataFrame | None = None,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
) -> go.Figure:
    """Draw one figure of checkpoints, or of a table that was measured before.

    Parameters
    ----------
    name
        A name from `FIGURES`.
    checkpoints
        What `open_checkpoint` returns, or takes; one or several. Not needed with a table.
    table
        What `measure` returned for the measures the figure needs, summarised or not. Nothing
        is measured then, and the arguments below do not count.
    layers, roles, device, options
        As in `measure`.

    Raises
    ------
    WrongOption
        No such figure, or neither checkpoints nor a table.
    InspectError
        As in `measure`.
    """
    chosen = figure_named(name)
    if table is None:
        if checkpoints is None:
            raise WrongOption("nothing to draw", next_step="give checkpoints, or table=")
        table = measure(
            checkpoints,
            chosen.needs,
            layers=layers,
            roles=chosen.roles if roles is None else roles,
            device=device,
            **(options or {}),
        )
    return chosen.draw(drawn_rows(chosen, table))


def figure_named(name: str) -> Figure:
    """Return a figure by its name, with underscores or hyphens.

    Raises
    ------
    WrongOption
        There is none; the message lists them.
    """
    found = FIGURES.get(name.replace("-", "_"))
    if found is None:
        raise WrongOption(f"no figure {name!r}", next_step=f"there are {', '.join(FIGURES)}")
    return found


def colors(checkpoints: Sequence[WeightSet]) -> list[str]:
    """Return the colour each of these checkpoints has in every figure of them all."""
    return [color for color, _ in shades_and_dashes(each.family for each in checkpoints)]
