"""``ngpt-inspect export``: a table, or every step of a run, to a tracker."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Opening
from ngpt_inspect.cli.options import Device, HeadSeries, MeasureNames, Steps, To
from ngpt_inspect.cli.selection import names
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd


@dataclass(kw_only=True)
class ExportCommand(Opening):
    """Send a table, or a run measured at every step, to a tracker: at the steps of its own.

    Series are named quantity/layer/role; columns of numbers (spectra, norms of tokens) become
    histograms. Old runs work as well as new ones.
    """

    example: ClassVar[str] = "runs/ngpt --to tensorboard logs"

    source: Annotated[
        str, typer.Argument(metavar="TABLE|RUN", help="A table that -o wrote, or checkpoints.")
    ]
    where: Annotated[
        str | None, typer.Argument(metavar="[WHERE]", help="The folder, project or experiment.")
    ] = None
    to: To = None
    steps: Steps = "all"
    measures: MeasureNames = None
    heads_too: HeadSeries = False
    figures: Annotated[
        bool,
        typer.Option(
            "--figures",
            help="Also the figures of each checkpoint: interactive, or as images (export).",
            rich_help_panel="What is written",
        ),
    ] = False
    device: Device = "cpu"

    def run(self) -> None:
        """Read or measure, then log."""
        from ngpt_inspect.house import house
        from ngpt_inspect.plotting import one_browser, pictures_of, require_format
        from ngpt_inspect.trackers import TRACKERS, destinations, log_table

        words = self.to or house().trackers
        if not words:
            raise WrongOption(
                "no tracker is named", where="--to", next_step=f"say {', '.join(TRACKERS)}"
            )
        if self.where is not None and len(words) > 1:
            raise WrongOption("one place for several trackers", next_step="say --to NAME=PLACE")
        table = self._table()
        places = destinations(words, self.where)
        images = self.figures and any(each.tracker.images for each in places)
        if images:
            require_format(Path("figure.png"))
        draw = pictures_of if self.figures else None
        with one_browser() if images else nullcontext():
            logged = log_table(table(), places, heads=self.heads_too, draw=draw)
        if not logged:
            raise WrongOption("nothing to log", where=self.source, next_step="name another table")
        self.remark([f"{logged} checkpoints logged to {', '.join(map(str, places))}"])

    def _table(self) -> "Callable[[], pd.DataFrame]":
        """Return what gives the table: a file that is read, or checkpoints that are open."""
        from ngpt_inspect.rules import in_force
        from ngpt_inspect.runs import has_steps
        from ngpt_inspect.tables import measure, summarise
        from ngpt_inspect.tables.asked import measure_named
        from ngpt_inspect.tables.reading import is_table, read_table

        if is_table(Path(self.source)):
            return partial(read_table, Path(self.source))
        if not has_steps(self.source):
            self.steps = "last"
        models = self.opened([self.source])
        asked = names(self.measures) or in_force().health_measures
        chosen = [measure_named(name).name for name in asked]

        def measured() -> "pd.DataFrame":
            with self.progress("Export") as progress:
                return summarise(measure(models, chosen, device=self.device, progress=progress))

        return measured
