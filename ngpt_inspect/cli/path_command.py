"""``ngpt-inspect path``: traces as a table, to read or to keep."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from ngpt_inspect.cli.command import Tabling
from ngpt_inspect.cli.options import FigureFile
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.naming import named

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = (
    "angle_moved",
    "angle_to_suggestion",
    "share_of_way",
    "angle_to_final",
    "angle_to_next",
    "alignment",
    "next_probability",
    "norm",
    "top_text",
    "top_probability",
)


@dataclass(kw_only=True)
class PathCommand(Tabling):
    """Follow hidden states on the hypersphere: how far each block moves them, and where to.

    A trace is written by python -m reference_model.trace, or by the code of another model
    (docs/traces.md). --format and -o give the whole table, of all tokens and means.
    """

    example: ClassVar[str] = "trace.safetensors --token 3"

    traces: Annotated[
        list[str], typer.Argument(metavar="TRACE...", help="One, or several side by side.")
    ]
    token: Annotated[
        int | None,
        typer.Option(help="Show this token, from 0, with what it predicts; else the means."),
    ] = None
    quantity: Annotated[
        str | None,
        typer.Option(
            help=f"Show one quantity, tokens down, states across: {', '.join(QUANTITIES)}."
        ),
    ] = None
    figure_file: FigureFile = None

    def run(self) -> None:
        """Write what is asked for of the path, and draw its angles."""
        from ngpt_inspect.cli.path_views import path_views
        from ngpt_inspect.traces import path

        self.check_output(self.figure_file)
        quantity = self.quantity and named(
            self.quantity, {each: each for each in QUANTITIES}, "quantity", where="--quantity"
        )
        table = path(list(self.traces))
        _check_token(table, self.token)
        self.emit(lambda: path_views(table, self.token, quantity), lambda: table)
        if self.figure_file is not None:
            from ngpt_inspect.plotting import figure, save_figure

            chosen: dict[str, Any] = {} if self.token is None else {"token": self.token}
            save_figure(figure("path_angles", table=table, **chosen), self.figure_file)
        self.remark(table.attrs["remarks"])


def _check_token(table: "pd.DataFrame", token: int | None) -> None:
    last = int(table["token"].max())
    if token is not None and not 0 <= token <= last:
        raise WrongOption(f"no token {token}", where="--token", next_step=f"there are 0 to {last}")
