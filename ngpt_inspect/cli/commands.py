"""The command line: one subcommand a measure, made in a loop, and a few more.

stdout carries data only; notes and progress go to stderr. Exit codes: 0 done, 1 a threshold
was crossed, 2 wrong use or unreadable input, 3 a fault of ours, 130 interrupted.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ngpt_inspect.cli.measure_command import measure_command
from ngpt_inspect.cli.options import (
    AlphaInit,
    ArchitectureName,
    Checkpoints,
    Constants,
    Device,
    Format,
    Heads,
    Layers,
    Output,
    Quiet,
    Roles,
    SpecFile,
    Steps,
)
from ngpt_inspect.cli.path_command import path_command
from ngpt_inspect.cli.terminal import format_named, note, progress_bar, reported, show, write
from ngpt_inspect.errors import MissingLibrary
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.measures.nearest_tokens import DUPLICATE
from ngpt_inspect.measures.token_health import THRESHOLD
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
    suggest_spec: Annotated[
        bool,
        typer.Option(
            "--suggest-spec",
            help="Draft a declaration for --spec from names and shapes, as JSON to be edited.",
        ),
    ] = False,
) -> None:
    """List names, roles, shapes and dtypes, and what was not recognised. Reads headers only."""
    from ngpt_inspect.cli.listing import COLUMNS, list_tensors, suggest
    from ngpt_inspect.cli.selection import constants_named
    from ngpt_inspect.cli.views import plain_table

    if suggest_spec:
        text, remarks = suggest(checkpoints, heads)
        show(text, to=output)
        for line in remarks:
            note(line)
        return
    given = constants_named(constants)
    rows, remarks = [], []
    for source in checkpoints:
        found, remarked = list_tensors(
            source, heads=heads, architecture=architecture, spec=spec, constants=given
        )
        rows += found
        remarks += remarked
    if format_named(format_name, output) == "table":
        columns = [c for c in COLUMNS if c != "checkpoint" or len(checkpoints) > 1]
        show(plain_table(rows, columns), to=output)
    else:
        import pandas as pd

        table = pd.DataFrame(rows, columns=list(COLUMNS))
        integers = dict.fromkeys(("layer", "expert", "bytes"), "Int64")
        write(table.astype(integers), format_name, output)
    for line in remarks:
        note(line)


@app.command("tokens", rich_help_panel="Looking around")
@reported
def tokens_command(
    checkpoints: Checkpoints,
    search: Annotated[
        str | None,
        typer.Option("--search", help="Only this id, or the tokens that hold these words."),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            "--order",
            help="token, shortest, longest, nearest, near-duplicates, mean-cosine or "
            "unused-cosine. A search alone: best matches first.",
        ),
    ] = "nearest",
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows of each printed table; files have all.")
    ] = 20,
    roles: Roles = None,
    duplicate: Annotated[
        float, typer.Option("--duplicate", help="Cosine of near-duplicates.")
    ] = DUPLICATE,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Robust z-score of a low norm.")
    ] = THRESHOLD,
    unused: Annotated[
        str, typer.Option("--unused", help="Ids known to be unused: 50257-50303.", metavar="LIST")
    ] = "",
    format_name: Format = None,
    output: Output = None,
    device: Device = "cpu",
    steps: Steps = "last",
    architecture: ArchitectureName = None,
    spec: SpecFile = None,
    constants: Constants = None,
    quiet: Quiet = False,
) -> None:
    """Every token with its text: norm, nearest token, near-duplicates, s_z. See docs/tokens.md."""
    from ngpt_inspect.cli.selection import models_named, names
    from ngpt_inspect.cli.token_listing import chosen_tokens, token_listings
    from ngpt_inspect.cli.views import coverage_notes
    from ngpt_inspect.tables import token_table

    shown_as = format_named(format_name, output)
    models = models_named(
        checkpoints, steps, None, architecture, None, spec=spec, constants=constants
    )
    with progress_bar("Tokens", quiet) as progress:
        table = token_table(
            models,
            roles=names(roles),
            device=device,
            progress=progress,
            duplicate=duplicate,
            threshold=threshold,
            unused=unused,
        )
    found = chosen_tokens(table, search, order)
    if shown_as == "table":
        show(*token_listings(found, rows), to=output)
    else:
        write(found, shown_as, output)
    if not quiet:
        for line in coverage_notes(table):
            note(line)


@app.command("summary", rich_help_panel="Looking around")
@reported
def summary_command(
    checkpoints: Checkpoints,
    format_name: Format = None,
    output: Output = None,
    device: Device = "cpu",
    steps: Steps = "last",
    heads: Heads = None,
    architecture: ArchitectureName = None,
    alpha_init: AlphaInit = None,
    spec: SpecFile = None,
    constants: Constants = None,
    quiet: Quiet = False,
) -> None:
    """One screen: sizes, validation loss, condition numbers, scales, and how healthy it is."""
    from ngpt_inspect.cli.selection import models_named
    from ngpt_inspect.cli.views import coverage_notes, rule_notes
    from ngpt_inspect.summary import summary

    models = models_named(
        checkpoints, steps, heads, architecture, alpha_init, spec=spec, constants=constants
    )
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
def differences_command(
    checkpoints: Checkpoints,
    format_name: Format = None,
    output: Output = None,
    steps: Steps = "last",
    heads: Heads = None,
    architecture: ArchitectureName = None,
    alpha_init: AlphaInit = None,
    spec: SpecFile = None,
    constants: Constants = None,
    quiet: Quiet = False,
) -> None:
    """Every recorded fact in which checkpoints differ: sizes, settings, constants, tensors."""
    from ngpt_inspect.cli.selection import models_named
    from ngpt_inspect.summary import differences

    models = models_named(
        checkpoints, steps, heads, architecture, alpha_init, spec=spec, constants=constants
    )
    table = differences(models)
    if format_named(format_name, output) == "table":
        from ngpt_inspect.cli.views import side_by_side

        show(side_by_side(table, ("group", "item")), to=output)
    else:
        write(table, format_name, output)
    if not quiet:
        note(f"{table.attrs['differ']} facts differ, {table.attrs['agree']} agree")


@app.command("figures", rich_help_panel="Looking around")
@reported
def figures_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Checkpoints, folders of training runs, CSV files of training results and "
            "folders of them, traces.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the files.")] = Path(
        "figures"
    ),
    formats: Annotated[
        str, typer.Option("--formats", help="Of html, pdf, svg, png; several with commas.")
    ] = "html",
    only: Annotated[
        str | None, typer.Option("--names", help="Only these figures.", metavar="LIST")
    ] = None,
    width: Annotated[
        str, typer.Option("--width", help="Columns of a page it spans, one or two; or pixels.")
    ] = "two",
    choices: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A choice of a figure, or of a measure it needs: view=histogram, layer=3. Can "
            "be repeated.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    layers: Layers = None,
    roles: Roles = None,
    steps: Steps = "last",
    heads: Heads = None,
    architecture: ArchitectureName = None,
    alpha_init: AlphaInit = None,
    spec: SpecFile = None,
    constants: Constants = None,
    quiet: Quiet = False,
) -> None:
    """Draw the paper's figures into a folder, each with the table it was drawn from."""
    from ngpt_inspect.cli.selection import layers_named, models_named, names
    from ngpt_inspect.gallery import draw_all, is_checkpoint, spoken

    with_weights = [source for source in sources if is_checkpoint(source)]
    others = [source for source in sources if source not in with_weights]
    models = models_named(
        with_weights, steps, heads, architecture, alpha_init, spec=spec, constants=constants
    )
    with progress_bar("Figures", quiet) as progress:
        for drawn in draw_all(
            [*models, *others],
            output,
            names(formats) or ["html"],
            names=names(only),
            width=width,
            layers=layers_named(layers),
            roles=names(roles),
            progress=progress,
            **spoken(choices or []),
        ):
            typer.echo(drawn)


app.command("path", rich_help_panel="Looking around")(path_command)


@app.command("dashboard", rich_help_panel="Looking around")
@reported
def dashboard(
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE...]", help="Checkpoints, runs, training results."),
    ] = None,
    root: Annotated[
        Path, typer.Option(help="Folder below which files can be opened from the page.")
    ] = Path(),
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the dashboard: checkpoints side by side in the browser."""
    from importlib.util import find_spec

    if find_spec("streamlit") is None or (spec := find_spec("app.dashboard")) is None:
        raise MissingLibrary(
            "the dashboard needs streamlit", next_step="pip install 'ngpt-inspect[app]'"
        )
    flags = {"server.address": address, "server.port": str(port)}
    command = [sys.executable, "-m", "streamlit", "run", str(spec.origin)]
    command += [part for name, value in flags.items() for part in (f"--{name}", value)]
    command += ["--", "--root", str(root), "--", *(checkpoints or [])]
    raise SystemExit(subprocess.call(command))


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
