"""Command-line flags made from the fields of settings: a new field is a new flag."""

import argparse
import inspect
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from reference_model.config import Architecture, GPTConfig, NGPTConfig
from reference_model.errors import UsageError
from reference_model.presets import PRESETS
from reference_model.settings import Settings, field_docs

MODELS: dict[Architecture, type[Settings]] = {"gpt": GPTConfig, "ngpt": NGPTConfig}
METAVARS = {int: "N", float: "X"}


def add_options(parser: argparse.ArgumentParser, *groups: type[Settings]) -> None:
    """Add a group of flags for each class: ``--weight-decay X`` for its own field weight_decay.

    The group's title is the first line of the class's docstring, a flag's help is its field's. A
    flag that is not given is None.
    """
    of_presets = {
        name
        for preset in PRESETS.values()
        for part in (preset.shape, preset.training, preset.gpt, preset.ngpt)
        for name in (*part, *preset.gpt_model, *preset.ngpt_model)
    }
    for cls in groups:
        title = (inspect.getdoc(cls) or cls.__name__).split("\n")[0].rstrip(".")
        group = parser.add_argument_group(title)
        hints, defaults = get_type_hints(cls), {f.name: f.default for f in fields(cls)}
        for name, doc in field_docs(cls).items():  # type: ignore[arg-type]  # mypy: no hash
            shown = "of the preset" if name in of_presets else _shown(defaults[name])
            text = f"{doc.rstrip('.')} [{shown}]" if shown else doc.rstrip(".")
            group.add_argument(
                f"--{name.replace('_', '-')}",
                dest=name,
                help=text.replace("%", "%%"),
                **_parsing(hints[name]),
            )


def add_data(parser: "argparse._ActionsContainer") -> None:
    """Add ``--data``: the text that is trained on."""
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        type=Path,
        metavar="PATH",
        help="text files and folders, or a nanoGPT folder with train.bin and val.bin "
        "[the sources of Python's standard library]",
    )


def given(args: argparse.Namespace, cls: type[Settings]) -> dict[str, Any]:
    """Fields of `cls` that the command line gave a value."""
    names = [field.name for field in fields(cls)]
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def given_of_model(args: argparse.Namespace, architecture: Architecture) -> dict[str, Any]:
    """Fields that the command line gave the model.

    Raises
    ------
    UsageError
        If one of them belongs to the other architecture.
    """
    own = given(args, MODELS[architecture])
    for other, cls in MODELS.items():
        if foreign := sorted(given(args, cls).keys() - own.keys()):
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
            msg = f"{flags}: a setting of --model {other}, not of {architecture}; leave it out"
            raise UsageError(msg)
    return own


def _parsing(hint: Any) -> dict[str, Any]:
    """Say what argparse must know of a type."""
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(hint) is tuple:
        return {"nargs": "+", "metavar": "NAME", **_parsing(get_args(hint)[0])}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    return {"type": hint, "metavar": METAVARS[hint]}


def _shown(default: Any) -> str:
    if default is MISSING or default == ():
        return ""
    if default is None:  # a scale of nGPT
        return "1/sqrt(d_model)"
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)
