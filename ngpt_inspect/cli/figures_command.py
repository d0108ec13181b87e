"""``ngpt-inspect figures``: the paper's figures into a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Opening
from ngpt_inspect.cli.hub import on_hub
from ngpt_inspect.cli.options import Device, FigureNames, Layers, Roles
from ngpt_inspect.cli.selection import layers_named, names


@dataclass(kw_only=True)
class FiguresCommand(Opening):
    """Draw the paper's figures into a folder, each with the table it was drawn from."""

    example: ClassVar[str] = "runs/gpt runs/ngpt --names embeddings --formats pdf"

    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Checkpoints, folders of training runs, CSV files of training results and "
            "folders of them, traces.",
            callback=on_hub,
        ),
    ]
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the files.")] = Path(
        "figures"
    )
    formats: Annotated[
        str, typer.Option("--formats", help="Of html, pdf, svg, png; several with commas.")
    ] = "html"
    only: FigureNames = None
    width: Annotated[
        str, typer.Option("--width", help="Columns of a page it spans, one or two; or pixels.")
    ] = "two"
    choices: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A choice of a figure, or of a measure it needs: view=histogram, layer=3. Can "
            "be repeated.",
            metavar="NAME=VALUE",
        ),
    ] = None
    layers: Layers = None
    roles: Roles = None
    device: Device = "cpu"

    def run(self) -> None:
        """Draw, and name the files."""
        from ngpt_inspect.plotting import is_checkpoint, save_figures, spoken
        from ngpt_inspect.sameness import remarks_on

        with_weights = [source for source in self.sources if is_checkpoint(source)]
        others = [source for source in self.sources if source not in with_weights]
        models = self.opened(with_weights)
        self.remark(remarks_on(models))
        with self.progress("Figures") as progress:
            for drawn in save_figures(
                [*models, *others],
                self.output,
                names(self.formats) or [],
                names=names(self.only),
                width=self.width,
                layers=layers_named(self.layers),
                roles=names(self.roles),
                device=self.device,
                progress=progress,
                **spoken(self.choices or []),
            ):
                typer.echo(drawn)
