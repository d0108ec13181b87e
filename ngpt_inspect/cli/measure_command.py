"""What every measure's subcommand does: open, measure, write, draw, say, and judge."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from ngpt_inspect.cli.opening import Opener, opens, with_parameters
from ngpt_inspect.cli.options import (
    Above,
    Below,
    Checkpoints,
    Device,
    FigureFile,
    Format,
    Layers,
    Output,
    Quiet,
    Roles,
    Scheduler,
    Workers,
)
from ngpt_inspect.cli.terminal import check_output, note, progress_bar, reported, write
from ngpt_inspect.errors import InspectError
from ngpt_inspect.measures import Measure

THRESHOLD_CROSSED = 1
SHOWN_CROSSINGS = 5


def measure_command(each: Measure) -> Callable[..., None]:
    """Return the command of one measure: the shared options and its own."""

    @reported
    @opens
    def command(
        opened: Opener,
        checkpoints: Checkpoints,
        layers: Layers = None,
        roles: Roles = None,
        format_name: Format = None,
        output: Output = None,
        figure_file: FigureFile = None,
        device: Device = "cpu",
        fail_above: Above = None,
        fail_below: Below = None,
        workers: Workers = None,
        scheduler: Scheduler = None,
        quiet: Quiet = False,
        **options: Any,
    ) -> None:
        from ngpt_inspect.cli.gates import crossings
        from ngpt_inspect.cli.selection import layers_named, names
        from ngpt_inspect.cli.views import coverage_notes
        from ngpt_inspect.tables import measure
        from ngpt_inspect.tables.executors import dask_cluster

        check_output(format_name, output, figure_file)
        models = opened(checkpoints)
        cluster = nullcontext() if scheduler is None else dask_cluster(scheduler)
        with cluster as executor, progress_bar(each.title, quiet) as progress:
            table = measure(
                models,
                each.name,
                layers=layers_named(layers),
                roles=names(roles),
                device=device,
                executor=executor,
                workers=workers,
                progress=progress,
                **options,
            )
        write(table, format_name, output)
        if figure_file is not None:
            from ngpt_inspect.plotting import figure, save_figure

            save_figure(figure(each.name, table=table), figure_file)
        if not quiet:
            for line in coverage_notes(table):
                note(line)
        if not (table["status"] != "skipped").any():
            reasons = "; ".join(dict.fromkeys(table["reason"]))
            raise InspectError(f"nothing measured: {reasons}")
        crossed = list(crossings(table, each, fail_above, fail_below))
        for line in crossed[:SHOWN_CROSSINGS]:
            note(f"threshold crossed: {line}")
        if len(crossed) > SHOWN_CROSSINGS:
            note(f"... and {len(crossed) - SHOWN_CROSSINGS} more")
        if crossed:
            raise SystemExit(THRESHOLD_CROSSED)

    return _with_options(command, each)


def _with_options(command: Callable[..., None], each: Measure) -> Callable[..., None]:
    """Replace ``**options`` in a command's signature by the measure's own options."""
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    shared = [each for each in parameters if each.kind is not each.VAR_KEYWORD]
    own = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=Annotated[
                type(option.default),
                typer.Option(f"--{option.name.replace('_', '-')}", help=option.help),
            ],
        )
        for option in each.options
    ]
    return with_parameters(command, [*shared, *own])
