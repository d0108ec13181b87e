"""The only registry: every public module of a folder declares exactly one thing.

A plugin is one file: sub-packages hold what several of them share.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Protocol, TypeVar


class Named(Protocol):
    """Anything a folder of plugins can hold."""

    @property
    def name(self) -> str:
        """The plugin's unique name."""
        ...


T = TypeVar("T", bound=Named)


def collect(package: str, path: Iterable[str], kind: type[T]) -> dict[str, T]:
    """Import the modules of a package and return what they declare, by name.

    Parameters
    ----------
    package, path
        `__name__` and `__path__` of the package. Modules whose names start with an
        underscore, and sub-packages that declare nothing, are shared helpers and passed over.
    kind
        The class each module holds exactly one instance of.

    Raises
    ------
    TypeError
        A module declares none or several, or two declare the same name: a mistake of ours,
        found by importing the package.
    """
    found: dict[str, T] = {}
    for module in pkgutil.iter_modules(path):
        if module.name.startswith("_"):
            continue
        full_name = f"{package}.{module.name}"
        held = [v for v in vars(importlib.import_module(full_name)).values() if type(v) is kind]
        if module.ispkg and not held:
            continue
        if len(held) != 1:
            msg = f"{full_name} must declare exactly one {kind.__name__}, not {len(held)}"
            raise TypeError(msg)
        if held[0].name in found:
            raise TypeError(f"{full_name} declares {held[0].name!r} a second time")
        found[held[0].name] = held[0]
    return found
