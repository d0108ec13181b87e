"""``ngpt-inspect watch``: follows a run from a process of its own, at low priority."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Command
from ngpt_inspect.cli.options import Device, HeadSeries, MeasureNames, RulesFile, To, Workers
from ngpt_inspect.cli.selection import names
from ngpt_inspect.errors import InspectError

if TYPE_CHECKING:
    from ngpt_inspect.watching import Watch

LOWEST = 19


@dataclass(kw_only=True)
class WatchCommand(Command):
    """Follow a run: each new checkpoint is measured once, when it is whole.

    Its numbers are appended to one table (Parquet, beside the run), sent to trackers and judged by
    rules, one line a checkpoint. It reads the run's files and writes none of them; started again,
    it goes on where it was. Ctrl-C ends it at any time.
    """

    example: ClassVar[str] = "runs/ngpt --every 30 --to tensorboard=logs"

    folder: Annotated[Path, typer.Argument(help="The folder of a run, or one with runs in it.")]
    every: Annotated[float, typer.Option(help="Seconds between looks.", min=0.1)] = 30.0
    once: Annotated[bool, typer.Option("--once", help="Look until nothing is new, and end.")] = (
        False
    )
    settled: Annotated[
        float, typer.Option(help="Seconds without a change that make a checkpoint whole.", min=0.0)
    ] = 5.0
    parent: Annotated[
        int | None,
        typer.Option(
            help="End, after a last look, when this process, which started it, has ended.",
            metavar="PID",
        ),
    ] = None
    table: Annotated[
        Path | None,
        typer.Option(
            help="The table, .parquet; by default FOLDER.ngpt-inspect.parquet.", metavar="FILE"
        ),
    ] = None
    rules: RulesFile = None
    to: To = None
    heads_too: HeadSeries = False
    measures: MeasureNames = None
    device: Device = "cpu"
    workers: Workers = None

    def run(self) -> None:
        """Look, again and again."""
        watch = self._watch()
        _step_back()
        with watch.ledger.held():
            while True:
                ended = self._orphaned()
                for line in watch.look():
                    self._say(line)
                if watch.looking.pending and (self.once or ended):
                    time.sleep(self.settled)  # what was just written is taken in too
                    for line in watch.look():
                        self._say(line)
                    self.remark(f"{path}: still being written" for path in watch.looking.pending)
                if self.once or ended:
                    return
                self._wait()

    def _orphaned(self) -> bool:
        """Tell whether the process that started this one is gone: then another is its parent."""
        return self.parent is not None and os.getppid() != self.parent

    def _wait(self) -> None:
        """Wait for the next look, or until the parent has ended."""
        until = time.monotonic() + self.every
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            if self._orphaned():
                return

    def _watch(self) -> "Watch":
        from ngpt_inspect.house import house
        from ngpt_inspect.rules.reading import rules_of
        from ngpt_inspect.tables.asked import measure_named
        from ngpt_inspect.trackers import destinations
        from ngpt_inspect.watching import Ledger, Looking, Watch, table_of

        if not self.folder.is_dir():
            missing = "is no folder" if self.folder.exists() else "there is no such file or folder"
            raise InspectError(
                missing, where=str(self.folder), next_step="name the folder of a run"
            )
        rules = rules_of(self.rules)
        chosen = [measure_named(name).name for name in names(self.measures) or []]
        return Watch(
            looking=Looking(self.folder, settled=self.settled),
            ledger=Ledger(self.table or table_of(self.folder)),
            rules=rules,
            measures=chosen,
            destinations=destinations(self.to or house().trackers),
            heads=self.heads_too,
            device=self.device,
            workers=self.workers,
        )

    def _say(self, line: str) -> None:
        """Write a line of data; lines are names from files, so nothing but text."""
        typer.echo("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))


def _step_back() -> None:
    """Leave processor and disk to the training that is followed."""
    if hasattr(os, "nice"):
        os.nice(LOWEST)
