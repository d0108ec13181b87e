"""Measures -> one tidy table, and what becomes of it: summaries, provenance, files."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ngpt_inspect.tables.asked import Source, opened
    from ngpt_inspect.tables.measuring import Progress, expected_seconds, measure
    from ngpt_inspect.tables.summaries import parts, summarise
    from ngpt_inspect.tables.tokens import token_table

__all__ = [
    "Progress",
    "Source",
    "expected_seconds",
    "measure",
    "opened",
    "parts",
    "summarise",
    "token_table",
]

_HOMES = {
    "Source": "asked",
    "opened": "asked",
    "Progress": "measuring",
    "expected_seconds": "measuring",
    "measure": "measuring",
    "parts": "summaries",
    "summarise": "summaries",
    "token_table": "tokens",
}


def __getattr__(name: str) -> Any:
    """Import what is used when it is used: what only writes a file needs no NumPy."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
