"""A figure as words: the Python and the command that draw exactly this one."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from ngpt_inspect.measures import MEASURES
from ngpt_inspect.plotting.choices import checked, figure_named, measured_with, width_chosen
from ngpt_inspect.runs import checkpoints_of

LONGEST = 88
"""Characters of a line; what is longer gets a line an argument."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """Two ways to the same figure."""

    python: str
    """A script."""
    shell: str
    """A command for a POSIX shell; it writes the table beside the figure."""


def code_for(
    figure_name: str,
    sources: Sequence[str | PathLike[str]],
    *,
    width: int | str | None = None,
    steps: str = "last",
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    kind: str = "pdf",
) -> Code:
    """Return the code that draws a figure and saves it. Nothing that is the default is said.

    Parameters
    ----------
    figure_name, width, layers, roles, options
        As `figure` takes them.
    sources
        Paths as they were typed: relative ones work from the same folder.
    steps
        Of training runs: ``last``, ``all`` or ``100,200``.
    kind
        The format: pdf, png, svg, html or json.

    Raises
    ------
    WrongOption
        No such figure, width, option, value or step.
    """
    chosen = figure_named(figure_name)
    given = dict(options or {})
    settings = measured_with([chosen], given)
    checked(chosen, {name: value for name, value in given.items() if name not in settings})
    width_chosen(width)
    usual = {option.name: option.usual for option in chosen.options}
    needs = chosen.needs_with(given)
    usual |= {option.name: option.default for need in needs for option in MEASURES[need].options}
    said = {name: value for name, value in given.items() if usual.get(name) != value}
    look: dict[str, Any] = {} if width in (None, "two") else {"width": width}
    kept = {"layers": layers, "roles": roles}
    selection = {name: list(value) for name, value in kept.items() if value is not None}
    paths = [fspath(source) for source in sources]
    # In a figure over steps `figure` takes a run's folder for all of them; the command is told.
    every = chosen.over_steps and steps in ("last", "all")
    files = [str(f) for path in paths for f in checkpoints_of(path, "last" if every else steps)]
    steps = "all" if every else steps
    return Code(
        python=_python(chosen.name, files, look | selection | said, kind),
        shell=_shell(chosen.name, paths, steps, look | selection, said, kind),
    )


def _python(name: str, files: list[str], arguments: Mapping[str, Any], kind: str) -> str:
    words = [_literal(name), _literal(files[0] if len(files) == 1 else files)]
    words += [f"{key}={_literal(value)}" for key, value in arguments.items()]
    call = f"figure = ni.figure({', '.join(words)})"
    if len(call) > LONGEST:
        call = "figure = ni.figure(\n" + "".join(f"    {word},\n" for word in words) + ")"
    lines = [
        "import ngpt_inspect as ni",
        "",
        call,
        f"ni.save_figure(figure, {_literal(f'{name}.{kind}')})",
    ]
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    """Return a Python literal, text in double quotes where nothing in it needs another spelling."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    plain = isinstance(value, str) and value.isprintable() and not set(value) & {'"', "\\"}
    return f'"{value}"' if plain else repr(value)


def _shell(
    name: str,
    paths: Sequence[str],
    steps: str,
    flags: Mapping[str, Any],
    choices: Mapping[str, Any],
    kind: str,
) -> str:
    # A path that begins with a dash would be taken for an option.
    sources = [f"./{path}" if path.startswith("-") else path for path in paths]
    parts = [["ngpt-inspect", "figures", *sources], ["--names", name]]
    parts += [["--steps", steps]] if steps != "last" else []
    parts += [[f"--{key}", _listed(value)] for key, value in flags.items()]
    parts += [["--set", f"{key}={_spoken(value)}"] for key, value in choices.items()]
    parts += [["--formats", kind]]
    pieces = [shlex.join(part) for part in parts]
    line = " ".join(pieces)
    return (line if len(line) <= LONGEST else " \\\n    ".join(pieces)) + "\n"


def _listed(value: Any) -> str:
    many = isinstance(value, Iterable) and not isinstance(value, str)
    return ",".join(map(str, value)) if many else str(value)


def _spoken(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
