"""Checkpoints as a command line names them: the options that open them, for every command alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

from ngpt_inspect.cli.options import (
    AlphaInit,
    ArchitectureName,
    Constants,
    Heads,
    Part,
    SpecFile,
    Steps,
)
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.weights import WeightSet

Command = Callable[..., None]
Opener = Callable[[list[str]], list[WeightSet]]
"""`models_named` with the options of the command line filled in."""


def models_named(
    sources: list[str],
    *,
    steps: Steps = "last",
    heads: Heads = None,
    architecture: ArchitectureName = None,
    alpha_init: AlphaInit = None,
    spec: SpecFile = None,
    constants: Constants = None,
    part: Part = None,
) -> list[WeightSet]:
    """Open what a command line names, every step of a run that is asked for."""
    from ngpt_inspect.checkpoint import open_checkpoint
    from ngpt_inspect.cli.selection import names
    from ngpt_inspect.runs import checkpoints_of

    given = constants_named(constants)
    if alpha_init is not None:
        given["alpha_init"] = alpha_init
    said: dict[str, Any] = {"heads": heads, "architecture": architecture, "spec": spec}
    return [
        open_checkpoint(path, part=each, constants=given, **said)
        for source in sources
        for path in checkpoints_of(source, steps)
        for each in names(part) or (None,)
    ]


def opens(command: Command) -> Command:
    """Give a command the options of `models_named`, and that function as its argument `opened`."""
    mine = [each for each in _parameters(command) if each.name != "opened"]
    options = [each for each in _parameters(models_named) if each.name != "sources"]

    @wraps(command)
    def run(**given: Any) -> None:
        chosen = {each.name: given.pop(each.name) for each in options}
        command(opened=partial(models_named, **chosen), **given)

    return with_parameters(run, [*mine, *options])


def with_parameters(command: Command, parameters: Iterable[inspect.Parameter]) -> Command:
    """Give a command these parameters: what its help lists and its line may say."""
    order = sorted(parameters, key=lambda each: each.kind)
    command.__signature__ = inspect.Signature(order)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in order}
    return command


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def constants_named(words: list[str] | None) -> dict[str, float]:
    """Return the numbers of ``base_scale=0.03``."""
    given = {}
    for word in words or []:
        name, sign, value = word.partition("=")
        try:
            given[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise WrongOption(
                f"{word!r} is no name with a number", where="--constant", next_step="say NAME=0.05"
            )
    return given
