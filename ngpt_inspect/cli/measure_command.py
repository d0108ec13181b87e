"""What every measure's subcommand does: open, measure, write, draw, say, and judge."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from ngpt_inspect.cli.options import (
    Above,
    AlphaInit,
    ArchitectureName,
    Below,
    Checkpoints,
    Constants,
    Device,
    FigureFile,
    Format,
    Heads,
    Layers,
    Output,
    Quiet,
    Roles,
    Scheduler,
    SpecFile,
    Steps,
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
    def command(
        checkpoints: Checkpoints,
        layers: Layers = None,
        roles: Roles = None,
        format_name: Format = None,
        output: Output = None,
        figure_file: FigureFile = None,
        device: Device = "cpu",
        fail_above: Above = None,
        fail_below: Below = None,
        steps: Steps = "last",
        heads: Heads = None,
        architecture: ArchitectureName = None,
        alpha_init: AlphaInit = None,
        spec: SpecFile = None,
        constants: Constants = None,
        workers: Workers = None,
        scheduler: Scheduler = None,
        quiet: Quiet = False,
        **options: Any,
    ) -> None:
        from ngpt_inspect.cli.gates import crossings
        from ngpt_inspect.cli.selection import layers_named, models_named, names
        from ngpt_inspect.cli.views import coverage_notes
        from ngpt_inspect.tables import measure
        from ngpt_inspect.tables.executors import dask_cluster

        check_output(format_name, output, figure_file)
        models = models_named(
            checkpoints, steps, heads, architecture, alpha_init, spec=spec, constants=constants
        )
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
            from ngpt_inspect.gallery import figure, save_figure

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
    signature = inspect.signature(command, eval_str=True)
    shared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
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
    command.__signature__ = signature.replace(parameters=[*shared, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*shared, *own]}
    return command
