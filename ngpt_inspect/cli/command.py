"""What commands share: a command is a dataclass, and its fields are what can be typed.

Typer makes the arguments and options of the fields, those of the parents too, and the command
line of what was typed: an object, which is then carried out.
"""

# Annotations are objects here and in every command: typer reads them.
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ngpt_inspect.cli.options import (
    AlphaInit,
    ArchitectureName,
    Constants,
    FigureFile,
    Format,
    Heads,
    Output,
    Part,
    Quiet,
    SpecFile,
    Steps,
)
from ngpt_inspect.cli.selection import constants_named, names
from ngpt_inspect.cli.terminal import format_named, note, progress_bar, reported, show, write
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.export import encode
from ngpt_inspect.tables.rows import Measured
from ngpt_inspect.weights import WeightSet


@dataclass(kw_only=True)
class Command:
    """What was typed, and what is done then."""

    example: ClassVar[str] = ""
    """Words after the command's name that somebody could type."""

    quiet: Quiet = False

    def run(self) -> None:
        """Do it; what is wrong is an InspectError."""
        raise NotImplementedError

    def carry_out(self) -> None:
        """Do it; what is wrong is a line on stderr and an exit code."""
        reported(self.run)()

    def remark(self, lines: Iterable[str]) -> None:
        """Write what a reader of the data should know to stderr, unless nobody wants to."""
        for line in () if self.quiet else lines:
            note(line)

    def progress(
        self, title: str, above: Callable[[], Any] | None = None
    ) -> AbstractContextManager[Callable[[float, float], None] | None]:
        """Give a callback that moves a bar, where somebody looks, below what is known at once."""
        return progress_bar(title, self.quiet, above)


@dataclass(kw_only=True)
class Tabling(Command):
    """A command whose data is one table."""

    format_name: Format = None
    output: Output = None

    def check_output(self) -> None:
        """Refuse a format that does not exist before anything is read."""
        format_named(self.format_name, self.output)

    def emit(
        self, shown: Callable[[], Iterable[Any]], table: "Callable[[], pd.DataFrame | Measured]"
    ) -> None:
        """Write what is asked for: what a reader is shown, or the table as data.

        Only what is asked for is made.
        """
        chosen = format_named(self.format_name, self.output)
        if chosen == "table":
            show(*shown(), to=self.output)
        else:
            write(encode(table(), chosen), to=self.output)


@dataclass(kw_only=True)
class Figured(Tabling):
    """A command whose table has a figure."""

    figure_file: FigureFile = None

    def check_output(self) -> None:
        """Refuse formats that do not exist before anything is read."""
        super().check_output()
        if self.figure_file is not None:
            from ngpt_inspect.plotting import require_format

            require_format(self.figure_file)

    def draw(self, name: str, table: "pd.DataFrame", **options: Any) -> None:
        """Draw the figure of a table, where it is asked for."""
        if self.figure_file is not None:
            from ngpt_inspect.plotting import figure, save_figure

            save_figure(figure(name, table=table, **options), self.figure_file)


@dataclass(kw_only=True)
class Opening(Command):
    """A command that opens checkpoints."""

    steps: Steps = "last"
    heads: Heads = None
    architecture: ArchitectureName = None
    alpha_init: AlphaInit = None
    spec: SpecFile = None
    constants: Constants = None
    part: Part = None

    def opened(self, sources: Sequence[str]) -> "list[WeightSet]":
        """Open what a command line names, every step and part that is asked for."""
        from ngpt_inspect.checkpoint import open_checkpoint

        return [open_checkpoint(path, **settings) for path, settings in self.named(sources)]

    def named(self, sources: Sequence[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield every checkpoint that is asked for, with the settings of `open_checkpoint`."""
        from ngpt_inspect.runs import checkpoints_of

        self._check_steps(sources)
        constants = constants_named(self.constants)
        if self.alpha_init is not None:
            constants["alpha_init"] = self.alpha_init
        for source in sources:
            for path in checkpoints_of(source, self.steps):
                for part in names(self.part) or (None,):
                    yield (
                        path,
                        {
                            "part": part,
                            "heads": self.heads,
                            "architecture": self.architecture,
                            "spec": self.spec,
                            "constants": constants,
                        },
                    )

    def _check_steps(self, sources: Sequence[str]) -> None:
        """Refuse steps of what has none; say so where that stands beside a run."""
        from ngpt_inspect.places import is_uri
        from ngpt_inspect.runs import has_steps

        there = [source for source in sources if is_uri(source) or Path(source).exists()]
        others = [source for source in there if not has_steps(source)]
        if self.steps == "last" or not others:
            return
        if others == there:
            raise WrongOption(
                "is no folder of a training run, so it has no steps",
                where=others[0],
                next_step="leave --steps out",
            )
        self.remark(f"{source}: no training run, so --steps is not for it" for source in others)
