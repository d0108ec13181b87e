"""The command line: one subcommand a measure, made in a loop, and a few more.

stdout carries data only; notes and progress go to stderr. Exit codes: 0 done, 1 a threshold
was crossed, 2 wrong use or unreadable input, 3 a fault of ours, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from inspect import getdoc
from typing import Annotated

import typer

from ngpt_inspect.cli.changes_command import ChangesCommand
from ngpt_inspect.cli.check_command import CheckCommand
from ngpt_inspect.cli.command import Command
from ngpt_inspect.cli.dashboard_command import DashboardCommand
from ngpt_inspect.cli.environment_command import EnvironmentCommand
from ngpt_inspect.cli.export_command import ExportCommand
from ngpt_inspect.cli.figures_command import FiguresCommand
from ngpt_inspect.cli.measure_command import measure_command
from ngpt_inspect.cli.path_command import PathCommand
from ngpt_inspect.cli.report_command import ReportCommand
from ngpt_inspect.cli.skill_command import SkillCommand
from ngpt_inspect.cli.summary_command import DifferencesCommand, SummaryCommand
from ngpt_inspect.cli.tensors_command import TensorsCommand
from ngpt_inspect.cli.tokens_command import TokensCommand
from ngpt_inspect.cli.trace_command import TraceCommand
from ngpt_inspect.cli.usage import OneLineGroup
from ngpt_inspect.cli.watch_command import WatchCommand
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.version import __version__

LOOKING_AROUND: dict[str, type[Command]] = {
    "tensors": TensorsCommand,
    "summary": SummaryCommand,
    "differences": DifferencesCommand,
    "check": CheckCommand,
    "changes": ChangesCommand,
    "watch": WatchCommand,
    "export": ExportCommand,
    "tokens": TokensCommand,
    "figures": FiguresCommand,
    "trace": TraceCommand,
    "path": PathCommand,
    "report": ReportCommand,
    "dashboard": DashboardCommand,
    "env": EnvironmentCommand,
    "skill": SkillCommand,
}


def _carry_out(command: Command, **_: object) -> None:
    command.carry_out()


def _opening_with(example: str, text: str) -> str:
    return f"Example: ngpt-inspect {example}\n\n{text}"


app = typer.Typer(
    cls=OneLineGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    result_callback=_carry_out,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_opening_with(
        "summary runs/gpt runs/ngpt",
        "Inspect GPT and nGPT checkpoints, from files alone. A checkpoint is a file, a folder "
        "holding a model, or the folder of a training run (its last step).",
    ),
)

MEASURING: dict[str, type[Command]] = {
    each.command: measure_command(each) for each in MEASURES.values()
}

for _panel, _commands in {"Measures": MEASURING, "Looking around": LOOKING_AROUND}.items():
    for _name, _command in _commands.items():
        _text = getdoc(_command) or ""
        app.command(
            _name,
            help=_opening_with(f"{_name} {_command.example}".rstrip(), _text),
            short_help=_text.partition("\n")[0],
            rich_help_panel=_panel,
        )(_command)


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


def narrowed(words: Sequence[str]) -> typer.Typer:
    """Return the command line for these words: with the one command that the first names, if any.

    Typer reads the signatures of all commands that there are, which takes most of 0.1 s.
    """
    named = [each for each in app.registered_commands if each.name in words[:1]]
    narrow = copy(app)
    narrow.registered_commands = named or app.registered_commands
    return narrow
