"""Large libraries under their usual names, imported when something of them is first used.

A module of ours can name them at its top, and ``--help`` and headers start without them.
"""

from importlib import import_module
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for the module of its name; from the first use on it has all that the module has."""

    def __getattr__(self, name: str) -> Any:
        """Import the module, and return what it has."""
        module = import_module(self.__name__)
        vars(self).update(vars(module))
        return getattr(module, name)
