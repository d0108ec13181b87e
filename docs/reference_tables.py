"""The reference: every command with its options, every public name with its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from markdown_table import table
from typer.main import get_command

import ngpt_inspect as ni
from ngpt_inspect.cli.commands import app

EXAMPLES = "\nExamples\n--------"
"""What a docstring ends with; the guides have longer ones."""


def commands() -> str:
    """Return a section for each command: what it does, and a row for each option."""
    found: dict[str, click.Command] = get_command(app).commands  # type: ignore[attr-defined]
    return "\n\n".join("\n\n".join(_command(name, each)) for name, each in found.items())


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield f"### ngpt-inspect {name}"
    example, _, text = (command.help or "").partition("\n\n")
    yield " ".join(text.split())
    yield f"`{example.removeprefix('Example: ')}`"
    options = [each for each in command.params if isinstance(each, click.Option)]
    rows = [(f"`{', '.join(each.opts)}`", each.help or "", _default(each)) for each in options]
    yield table(("option", "what it does", "default"), rows)


def _default(option: click.Option) -> str:
    told = option.default
    return "" if told is None or told is False or callable(told) else f"`{told}`"


def names() -> str:
    """Return a section for each public name: how it is called, and what its docstring says."""
    return "\n\n".join("\n\n".join(_name(name)) for name in sorted(ni.__all__) if name[0] != "_")


def _name(name: str) -> Iterator[str]:
    found = getattr(ni, name)
    yield f"### ni.{name}"
    if inspect.isfunction(found):
        yield f"```text\nni.{name}{_signature(found)}\n```"
    if inspect.isfunction(found) or inspect.isclass(found):
        text = (inspect.getdoc(found) or "").partition(EXAMPLES)[0]
        lead, _, rest = text.partition("\n\n")
        yield " ".join(lead.split())
        if rest.strip():
            yield f"```text\n{rest.strip()}\n```"
    else:
        yield f"A mapping by name: {', '.join(f'`{each}`' for each in sorted(found))}."


def _signature(function: object) -> str:
    """Return the parameters by name, defaults as they are written, without their types."""
    told = inspect.signature(function)  # type: ignore[arg-type]
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in told.parameters.values()]
    return str(inspect.Signature(bare))


MAKERS = {"reference of commands": commands, "reference of names": names}
