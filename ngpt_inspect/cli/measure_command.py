"""What every measure's subcommand does: open, measure, write, draw, say, and judge."""

from contextlib import nullcontext
from dataclasses import dataclass, field, make_dataclass
from typing import Annotated, Any, ClassVar

import typer

from ngpt_inspect.cli.command import Figured, Opening
from ngpt_inspect.cli.options import (
    Above,
    Below,
    Checkpoints,
    Device,
    Layers,
    Roles,
    Scheduler,
    Workers,
)
from ngpt_inspect.cli.selection import layers_named, names
from ngpt_inspect.cli.terminal import note
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import Measure, Setting
from ngpt_inspect.tables.rows import Measured

THRESHOLD_CROSSED = 1
SHOWN_CROSSINGS = 5


def measure_command(each: Measure) -> type["MeasureCommand"]:
    """Return the command of one measure: what all of them take, and its own settings."""
    own = [
        (
            setting.name,
            Annotated[type(setting.default), typer.Option(_flag(setting), help=setting.help)],
            field(default=setting.default),
        )
        for setting in each.options
    ]
    facts = {"measure": each, "example": _example(each), "__doc__": _help(each)}
    bases = (MeasureCommand,)
    return make_dataclass(each.name, own, bases=bases, namespace=facts, kw_only=True)


def _help(each: Measure) -> str:
    quantities = (f"{name}: {formula}." for name, formula in each.quantities.items())
    return "\n\n".join([f"{each.summary}.", *quantities, f"Source: {each.source}."])


def _example(each: Measure) -> str:
    """Return words that somebody could type, with the first of the measure's own settings."""
    words = ["runs/gpt runs/ngpt"]
    for setting in each.options[:1]:
        words += [_flag(setting)] + [str(setting.default)] * (type(setting.default) is not bool)
    return " ".join(words)


def _flag(setting: Setting) -> str:
    return f"--{setting.name.replace('_', '-')}"


@dataclass(kw_only=True)
class MeasureCommand(Opening, Figured):
    """What the commands of all measures take and do."""

    measure: ClassVar[Measure]

    checkpoints: Checkpoints
    layers: Layers = None
    roles: Roles = None
    fail_above: Above = None
    fail_below: Below = None
    device: Device = "cpu"
    workers: Workers = None
    scheduler: Scheduler = None

    def run(self) -> None:
        """Measure, write the table, draw the figure, and judge by the thresholds."""
        from ngpt_inspect.cli.views import coverage_notes, views

        self.check_output()
        if self.fail_above != self.fail_above or self.fail_below != self.fail_below:
            raise WrongOption("NaN is above and below nothing", where="--fail-above, --fail-below")
        table = self._measured()
        nothing = table.nothing()
        self.emit(lambda: () if nothing else views(table), lambda: table)
        if self.figure_file is not None:
            self.draw(self.measure.name, table.frame)
        if nothing:
            raise InspectError(nothing)
        self.remark(coverage_notes(table.facts))
        if self.fail_above is not None or self.fail_below is not None:
            self._judge(table.frame)

    def _measured(self) -> "Measured":
        from ngpt_inspect.tables.executors import dask_cluster
        from ngpt_inspect.tables.measuring import measured

        models = self.opened(self.checkpoints)
        own: dict[str, Any] = {each.name: getattr(self, each.name) for each in self.measure.options}
        cluster = nullcontext() if self.scheduler is None else dask_cluster(self.scheduler)
        with cluster as executor, self.progress(self.measure.title) as progress:
            return measured(
                models,
                self.measure.name,
                layers=layers_named(self.layers),
                roles=names(self.roles),
                device=self.device,
                executor=executor,
                workers=self.workers,
                progress=progress,
                **own,
            )

    def _judge(self, table: "pd.DataFrame") -> None:
        """Name what crossed a threshold, which no `--quiet` hides; exit with 1 if anything did."""
        from ngpt_inspect.cli.gates import crossings

        crossed = list(crossings(table, self.measure, self.fail_above, self.fail_below))
        for line in crossed[:SHOWN_CROSSINGS]:
            note(f"threshold crossed: {line}")
        if len(crossed) > SHOWN_CROSSINGS:
            note(f"... and {len(crossed) - SHOWN_CROSSINGS} more")
        if crossed:
            raise SystemExit(THRESHOLD_CROSSED)
