"""``ngpt-inspect path``: traces as a table, to read or to keep."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Figured
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.naming import named

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
class PathCommand(Figured):
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

    def run(self) -> None:
        """Write what is asked for of the path, and draw its angles."""
        from ngpt_inspect.cli.path_views import path_views
        from ngpt_inspect.traces import path

        self.check_output()
        quantity = self.quantity and named(
            self.quantity, {each: each for each in QUANTITIES}, "quantity", where="--quantity"
        )
        table = path(list(self.traces))
        _check_token(table, self.token)
        self.emit(lambda: path_views(table, self.token, quantity), lambda: table)
        self.draw("path_angles", table, **({} if self.token is None else {"token": self.token}))
        self.remark(table.attrs["remarks"])


def _check_token(table: "pd.DataFrame", token: int | None) -> None:
    last = int(table["token"].max())
    if token is not None and not 0 <= token <= last:
        raise WrongOption(f"no token {token}", where="--token", next_step=f"there are 0 to {last}")
