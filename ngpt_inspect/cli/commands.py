"""The command line: one subcommand a measure, made in a loop, and a few more.

stdout carries data only; notes and progress go to stderr. Exit codes: 0 done, 1 a threshold
was crossed, 2 wrong use or unreadable input, 3 a fault of ours, 130 interrupted.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ngpt_inspect.cli.dashboard_command import dashboard_command
from ngpt_inspect.cli.figures_command import figures_command
from ngpt_inspect.cli.measure_command import measure_command
from ngpt_inspect.cli.opening import Opener, constants_named, opens
from ngpt_inspect.cli.options import (
    ArchitectureName,
    Checkpoints,
    Constants,
    Device,
    Format,
    Heads,
    Output,
    Part,
    Quiet,
    SpecFile,
)
from ngpt_inspect.cli.path_command import path_command
from ngpt_inspect.cli.terminal import format_named, note, progress_bar, reported, show, write
from ngpt_inspect.cli.tokens_command import tokens_command
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Inspect GPT and nGPT checkpoints, from files alone. A checkpoint is a file, a folder "
    "holding a model, or the folder of a training run (its last step).",
)


for _each in MEASURES.values():
    _help = f"{_each.summary}.\n\n" + "\n\n".join(
        f"{name}: {formula}." for name, formula in _each.quantities.items()
    )
    app.command(
        _each.command,
        help=f"{_help}\n\nSource: {_each.source}.",
        short_help=_each.summary,
        rich_help_panel="Measures",
    )(measure_command(_each))


@app.command("tensors", rich_help_panel="Looking around")
@reported
def tensors(
    checkpoints: Checkpoints,
    format_name: Format = None,
    output: Output = None,
    heads: Heads = None,
    architecture: ArchitectureName = None,
    spec: SpecFile = None,
    constants: Constants = None,
    part: Part = None,
    suggest_spec: Annotated[
        bool,
        typer.Option(
            "--suggest-spec",
            help="Draft a declaration for --spec from names and shapes, as JSON to be edited.",
        ),
    ] = False,
) -> None:
    """List names, roles, shapes and dtypes, and what was not recognised. Reads headers only."""
    from itertools import product

    from ngpt_inspect.cli.listing import COLUMNS, list_tensors, suggest
    from ngpt_inspect.cli.selection import names
    from ngpt_inspect.cli.views import plain_table

    if suggest_spec:
        text, remarks = suggest(checkpoints, heads, part)
        show(text, to=output)
        for line in remarks:
            note(line)
        return
    given = constants_named(constants)
    rows, remarks = [], []
    said = {"heads": heads, "architecture": architecture, "spec": spec, "constants": given}
    for source, each in product(checkpoints, names(part) or (None,)):
        found, remarked = list_tensors(source, part=each, **said)
        rows += found
        remarks += remarked
    if format_named(format_name, output) == "table":
        labels = {row["checkpoint"] for row in rows}
        columns = [c for c in COLUMNS if c != "checkpoint" or len(labels) > 1]
        show(plain_table(rows, columns), to=output)
    else:
        import pandas as pd

        table = pd.DataFrame(rows, columns=list(COLUMNS))
        integers = dict.fromkeys(("layer", "expert", "bytes"), "Int64")
        write(table.astype(integers), format_name, output)
    for line in remarks:
        note(line)


@app.command("summary", rich_help_panel="Looking around")
@reported
@opens
def summary_command(
    opened: Opener,
    checkpoints: Checkpoints,
    format_name: Format = None,
    output: Output = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """One screen: sizes, validation loss, condition numbers, scales, and how healthy it is."""
    from ngpt_inspect.cli.views import coverage_notes, rule_notes
    from ngpt_inspect.summary import summary

    models = opened(checkpoints)
    with progress_bar("Summary", quiet) as progress:
        table = summary(models, device=device, progress=progress)
    if format_named(format_name, output) == "table":
        from ngpt_inspect.cli.views import side_by_side

        show(side_by_side(table), to=output)
    else:
        write(table, format_name, output)
    if not quiet:
        for line in (*rule_notes(table), *coverage_notes(table)):
            note(line)


@app.command("differences", rich_help_panel="Looking around")
@reported
@opens
def differences_command(
    opened: Opener,
    checkpoints: Checkpoints,
    format_name: Format = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Every recorded fact in which checkpoints differ: sizes, settings, constants, tensors."""
    from ngpt_inspect.summary import differences

    models = opened(checkpoints)
    table = differences(models)
    if format_named(format_name, output) == "table":
        from ngpt_inspect.cli.views import side_by_side

        show(side_by_side(table, ("group", "item")), to=output)
    else:
        write(table, format_name, output)
    if not quiet:
        for remark in table.attrs["remarks"]:
            note(remark)
        note(f"{table.attrs['differ']} facts differ, {table.attrs['agree']} agree")


for _name, _command in {
    "tokens": tokens_command,
    "figures": figures_command,
    "path": path_command,
    "dashboard": dashboard_command,
}.items():
    app.command(_name, rich_help_panel="Looking around")(_command)


def _version(wanted: bool) -> None:  # typer's callback
    if wanted:
        typer.echo(f"ngpt-inspect {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app()
