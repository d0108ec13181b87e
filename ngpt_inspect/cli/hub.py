"""``hf ngpt-inspect``: the same command line, where ``org/model`` is a model on the hub."""

import re
from pathlib import Path

import typer

EXTENSION = "hf-ngpt-inspect"
"""The script that `hf` looks for; it runs it as ``hf ngpt-inspect``."""
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?")


def on_hub(context: typer.Context, sources: list[str]) -> list[str]:
    """Return sources as the script that was called takes them.

    Of the extension, ``org/model`` and ``org/model@revision`` are addresses; what lies here under
    that name goes first.
    """
    if Path(context.find_root().info_name or "").name != EXTENSION:
        return sources
    return [
        f"hf://{each}" if REPOSITORY.fullmatch(each) and not Path(each).exists() else each
        for each in sources
    ]
