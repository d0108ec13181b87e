"""``ngpt-inspect path``: traces as a table, to read or to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngpt_inspect.cli.options import FigureFile, Format, Output, Quiet
from ngpt_inspect.cli.terminal import check_output, format_named, note, reported, show, write
from ngpt_inspect.errors import WrongOption

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = (
    "angle_moved",
    "angle_to_suggestion",
    "share_of_way",
    "angle_to_final",
    "angle_to_next",
    "next_probability",
    "norm",
    "top_text",
    "top_probability",
)


@reported
def path_command(
    traces: Annotated[
        list[str], typer.Argument(metavar="TRACE...", help="One, or several side by side.")
    ],
    token: Annotated[
        int | None,
        typer.Option(help="Show this token, from 0, with what it predicts; else the means."),
    ] = None,
    quantity: Annotated[
        str | None,
        typer.Option(
            help=f"Show one quantity, tokens down, states across: {', '.join(QUANTITIES)}."
        ),
    ] = None,
    format_name: Format = None,
    output: Output = None,
    figure_file: FigureFile = None,
    quiet: Quiet = False,
) -> None:
    """Follow hidden states on the hypersphere: how far each block moves them, and where to.

    A trace is written by python -m reference_model.trace, or by the code of another model
    (docs/traces.md). --format and -o give the whole table, of all tokens and means.
    """
    from ngpt_inspect.traces import path

    check_output(format_name, output, figure_file)
    if quantity is not None and quantity.replace("-", "_") not in QUANTITIES:
        raise WrongOption(
            f"no quantity {quantity!r}",
            where="--quantity",
            next_step=f"say one of {', '.join(QUANTITIES)}",
        )
    table = path(list(traces))
    _check_token(table, token)
    if format_named(format_name, output) == "table":
        from ngpt_inspect.cli.path_views import path_views

        show(*path_views(table, token, quantity), to=output)
    else:
        write(table, format_name, output)
    if figure_file is not None:
        from ngpt_inspect.plotting import figure, save_figure

        chosen: dict[str, Any] = {} if token is None else {"token": token}
        save_figure(figure("path_angles", table=table, **chosen), figure_file)
    if not quiet:
        for line in table.attrs["remarks"]:
            note(line)


def _check_token(table: pd.DataFrame, token: int | None) -> None:
    last = int(table["token"].max())
    if token is not None and not 0 <= token <= last:
        raise WrongOption(f"no token {token}", where="--token", next_step=f"there are 0 to {last}")
