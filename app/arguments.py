"""What was typed after ``--``: the checkpoints to open and the folder others may come from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The command line of the dashboard."""

    checkpoints: tuple[str, ...]
    root: Path
    """Paths typed into the page must lie below this folder."""


def parse(argv: Sequence[str]) -> Arguments:
    """Read ``CHECKPOINT... --root FOLDER``; the root is the current folder by default."""
    parser = argparse.ArgumentParser(prog="streamlit run app/dashboard.py --")
    parser.add_argument("checkpoints", nargs="*", help="checkpoint files, models or run folders")
    parser.add_argument("--root", default=".", help="folder that the page may open files from")
    given = parser.parse_args(list(argv))
    return Arguments(checkpoints=tuple(given.checkpoints), root=Path(given.root).resolve())
