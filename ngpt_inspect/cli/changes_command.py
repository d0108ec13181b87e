"""``ngpt-inspect changes``: what became of each weight between checkpoints."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Figured, Opening
from ngpt_inspect.cli.options import Checkpoints, Device, Layers, Roles, Workers
from ngpt_inspect.cli.selection import layers_named, names
from ngpt_inspect.errors import InspectError
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import View
from ngpt_inspect.naming import named
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Series, Status
from ngpt_inspect.wording import at_step

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(kw_only=True)
class ChangesCommand(Opening, Figured):
    """Compare each checkpoint with the one before: angles, sizes and directions of the changes.

    A base and its fine-tune, or two steps; the folder of a training run alone stands for all its
    steps (--steps chooses). Weights are matched by role, else by name. docs/table.md has the
    quantities; --format and -o give all of them.
    """

    example: ClassVar[str] = "base.safetensors tuned.safetensors"

    checkpoints: Checkpoints
    layers: Layers = None
    roles: Roles = None
    of: Annotated[
        str, typer.Option(help="What the printed table shows, and the figure where it can.")
    ] = "angle"
    device: Device = "cpu"
    workers: Workers = None

    def run(self) -> None:
        """Compare, write the table, draw the figure."""
        from ngpt_inspect.comparing import QUANTITIES, changes
        from ngpt_inspect.runs import has_steps

        self.check_output()
        quantities = {each: each for each in QUANTITIES}
        quantity = named(self.of, quantities, "quantity", where="--of")
        if self.steps == "last" and len(self.checkpoints) == 1 and has_steps(self.checkpoints[0]):
            self.steps = "all"
        models = self.opened(self.checkpoints)
        with self.progress("Changes") as progress:
            table = changes(
                models,
                layers=layers_named(self.layers),
                roles=names(self.roles),
                device=self.device,
                workers=self.workers,
                progress=progress,
            )
        self.emit(lambda: _views(table, quantity), lambda: table)
        if (table["status"] == Status.SKIPPED).all():
            raise InspectError("; ".join(table.attrs["remarks"]))
        if self.figure_file is not None:
            from ngpt_inspect.figures import FIGURES

            (choice,) = FIGURES["changes"].options
            self.draw("changes", table, of=quantity if quantity in choice.values else choice.usual)
        self.remark(table.attrs["remarks"])


def _views(table: "pd.DataFrame", quantity: str) -> "Iterator[Group]":
    """Yield a heading and a table for each comparison: layers down, roles across."""
    from rich.console import Group

    from ngpt_inspect.cli.views import LAYOUTS, PLACES, by_view
    from ngpt_inspect.comparing import rows_after
    from ngpt_inspect.tables.cells import cells_of

    median = "median" if quantity == "row_angle" else None
    for pair in table.attrs["pairs"]:
        mine = rows_after(table, pair)
        told = " from ".join(at_step(**pair[each]) for each in ("after", "before"))
        for view, entries in by_view(records(mine), View.LAYERS):
            cells = cells_of(entries, Series(quantity, median), PLACES[view])
            if cells.by_place:
                heading = f"{told}: {quantity.replace('_', ' ')}"
                yield Group(heading, LAYOUTS[view]([cells], ""))
