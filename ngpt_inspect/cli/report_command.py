"""``ngpt-inspect report``: one file to send."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Opening
from ngpt_inspect.cli.options import Checkpoints, Device, FigureNames
from ngpt_inspect.cli.selection import names


@dataclass(kw_only=True)
class ReportCommand(Opening):
    """One HTML file with everything: health, figures, differences, how it is computed. Offline."""

    example: ClassVar[str] = "runs/gpt runs/ngpt -o report.html"

    checkpoints: Checkpoints
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path(
        "report.html"
    )
    only: FigureNames = None
    device: Device = "cpu"

    def run(self) -> None:
        """Write the file, and name it."""
        from ngpt_inspect.report import save_report
        from ngpt_inspect.sameness import remarks_on
        from ngpt_inspect.tables.devices import usable

        models = self.opened(self.checkpoints)
        _, device_note = usable(self.device)
        self.remark([*remarks_on(models), *([device_note] if device_note else [])])
        with self.progress("Report") as progress:
            path = save_report(
                models, self.output, names=names(self.only), device=self.device, progress=progress
            )
        typer.echo(path)
