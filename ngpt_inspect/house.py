"""House defaults: what is said once in a file, for every command and the dashboard."""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.naming import meant


@dataclass(frozen=True, kw_only=True)
class House:
    """What the file says; None, or nothing, where it says nothing."""

    file: Path
    """Where it is, or would be."""
    rules: Path | None = None
    """Rules that checkpoints are judged by."""
    cache: Path | None = None
    """Where the dashboard keeps what it has measured."""
    trackers: tuple[str, ...] = ()
    """Trackers that numbers go to."""


def config_file() -> Path:
    """Return where the file is looked for: ``$XDG_CONFIG_HOME``, else ``~/.config``."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "ngpt-inspect" / "config.toml"


def house() -> House:
    """Return the house defaults; those of an empty file where there is none.

    ``rules`` and ``cache`` are paths, from the folder of the file on; ``trackers`` is a list of
    names. What is typed goes before an environment variable, and that before the file.

    Raises
    ------
    InspectError
        It cannot be read, or is no TOML.
    WrongOption
        It says something that there is not, or of another kind.
    """
    file = config_file()
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return House(file=file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InspectError(
            f"cannot be read ({why})", where=str(file), next_step="repair it, or move it away"
        ) from None
    unknown = next((name for name in said if name not in READERS), None)
    if unknown is not None:
        raise WrongOption(
            f"no setting {unknown}", where=str(file), next_step=meant(unknown, READERS, "there are")
        )
    read: dict[str, Any] = {name: READERS[name](value, file) for name, value in said.items()}
    return House(file=file, **read)


def _path(value: Any, file: Path) -> Path:
    if not (isinstance(value, str) and value):
        raise WrongOption(f"{value!r} is no path", where=str(file), next_step='say "~/a/path"')
    return file.parent / Path(value).expanduser()


def _names(value: Any, file: Path) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise WrongOption(
            f"{value!r} is no list of names", where=str(file), next_step='say ["tensorboard"]'
        )
    return tuple(value)


READERS: dict[str, Callable[[Any, Path], Any]] = {
    "rules": _path,
    "cache": _path,
    "trackers": _names,
}
"""What the file can say, and who reads it."""
