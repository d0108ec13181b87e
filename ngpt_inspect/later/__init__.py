"""Large libraries under their usual names, imported when something of them is first used.

A module of ours can name them at its top, and ``--help`` and headers start without them.
"""

from importlib import import_module
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """A module that stands for the one of its name."""

    def __getattr__(self, name: str) -> Any:
        """Return what the module has, importing it if nobody has yet."""
        return getattr(import_module(self.__name__), name)
