"""``ngpt-inspect figures``: the paper's figures into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ngpt_inspect.cli.opening import Opener, opens
from ngpt_inspect.cli.options import Layers, Quiet, Roles
from ngpt_inspect.cli.terminal import note, progress_bar, reported


@reported
@opens
def figures_command(
    opened: Opener,
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
    quiet: Quiet = False,
) -> None:
    """Draw the paper's figures into a folder, each with the table it was drawn from."""
    from ngpt_inspect.cli.selection import layers_named, names
    from ngpt_inspect.plotting import is_checkpoint, save_figures, spoken
    from ngpt_inspect.sameness import remarks_on

    with_weights = [source for source in sources if is_checkpoint(source)]
    others = [source for source in sources if source not in with_weights]
    models = opened(with_weights)
    for remark in remarks_on(models) if not quiet else ():
        note(remark)
    with progress_bar("Figures", quiet) as progress:
        for drawn in save_figures(
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
