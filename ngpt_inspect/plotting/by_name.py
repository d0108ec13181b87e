"""Figures by name, of checkpoints, training results or traces, or of a table made before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.figures.canvas.theme import shades_and_dashes
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.plotting.choices import checked, figure_named, width_chosen
from ngpt_inspect.plotting.gathering import measured_for
from ngpt_inspect.plotting.joining import drawn_rows
from ngpt_inspect.plotting.wide import wide_table
from ngpt_inspect.results import listed
from ngpt_inspect.runs import checkpoints_of
from ngpt_inspect.tables import Source, opened
from ngpt_inspect.weights import WeightSet

if TYPE_CHECKING:
    import plotly.graph_objects as go


def figure(
    name: str,
    sources: Source | Sequence[Source] | None = None,
    *,
    table: pd.DataFrame | None = None,
    width: int | str | None = None,
    layers: int | Sequence[int] | None = None,
    roles: str | Sequence[str] | None = None,
    device: str = "cpu",
    **options: Any,
) -> go.Figure:
    """Draw one figure of checkpoints, of training results or of traces.

    Parameters
    ----------
    name
        A name from `FIGURES`.
    sources
        One or several. For a figure of measures: what `open_checkpoint` returns, or takes. For
        a figure of training results: what `training_results` takes; of traces: what `path`
        takes. Not needed with a table. In a figure over steps the folder of a run stands for all
        its checkpoints.
    table
        What `measure` returned for the measures the figure needs, summarised or not, or what
        `training_results` or `path` returned for the table the figure draws. Nothing is read
        then.
    width
        "one" or "two" columns of a page (3.25 and 6.75 inches), or pixels, 96 an inch.
    layers, roles, device
        As in `measure`; by default what the options leave to draw. Not for figures of training
        results or traces.
    **options
        What the figure declares in its `options`; what it does not goes to `measure`.

    Raises
    ------
    WrongOption
        No such figure, option or value, or neither sources nor a table.
    InspectError
        As in `measure`, `training_results` and `path`.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> drawing = ni.figure("condition_numbers", ["runs/gpt", "runs/ngpt"], roles="W_q")
    >>> drawing.layout.width  # pixels: two columns of a page
    648
    """
    chosen = figure_named(name)
    declared = {option.name for option in chosen.options}
    others = {key: value for key, value in options.items() if key not in declared}
    if others and (table is not None or chosen.results):
        checked(chosen, others)
    drawn = checked(chosen, {key: options[key] for key in declared & set(options)})
    size = width_chosen(width)
    if table is None:
        if sources is None:
            raise WrongOption("nothing to draw", next_step="give sources, or table=")
        if chosen.results:
            table = wide_table(chosen.results, sources)
        else:
            table = measured_for(
                [(chosen, drawn)],
                opened(_every_step(sources) if chosen.over_steps else sources),
                layers=layers,
                roles=roles,
                device=device,
                **others,
            )
    rows = drawn_rows(chosen, table, drawn)
    drawing: go.Figure = chosen.draw(rows, **drawn, **size)
    return drawing


def _every_step(sources: Source | Sequence[Source]) -> list[Source]:
    """Return sources with all checkpoints of a run in the place of its folder."""
    return [step for source in listed(sources) for step in checkpoints_of(source, "all")]


def colors(checkpoints: Sequence[WeightSet]) -> list[str]:
    """Return the colour each of these checkpoints has in every figure of them all."""
    return [color for color, _ in shades_and_dashes(each.family for each in checkpoints)]
