"""``ngpt-inspect skill``: what an agent is told of this tool."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Command
from ngpt_inspect.tables.export import write_bytes

NAME = "ngpt-inspect"
"""Of the skill and of its folder, which must be equal."""


@dataclass(kw_only=True)
class SkillCommand(Command):
    """Print SKILL.md, which tells an agent how to use this tool, or put it where agents look."""

    example: ClassVar[str] = "-o .agents/skills"

    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="A folder of skills; it gets ngpt-inspect/SKILL.md in it."
        ),
    ] = None

    def run(self) -> None:
        """Print it, or write it and name the file."""
        from importlib.resources import files

        text = files("ngpt_inspect").joinpath(".agents", "skills", NAME, "SKILL.md").read_bytes()
        if self.output is None:
            typer.echo(text.decode(), nl=False)
            return
        path = self.output / NAME / "SKILL.md"
        with suppress(OSError):  # what cannot be made cannot be written to, which is then said
            path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, text)
        typer.echo(path)
