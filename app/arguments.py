"""What was typed after ``--``: the checkpoints to open and the folder others may come from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOKEN = "NGPT_INSPECT_TOKEN"
"""Environment variable."""
UPLOAD = 64


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The command line of the dashboard."""

    checkpoints: tuple[str, ...]
    root: Path
    """Paths typed into the page must lie below this folder."""
    read_only: bool = False
    """Whether nothing is written below the root: no view can be pinned."""
    token: str = ""
    """What a visitor has to know; empty: nothing. From the environment, where nobody else on the
    machine can read it."""
    user_header: str = ""
    """Header in which a reverse proxy names the user; without it nobody is let in."""
    most_sessions: int = 0
    """Browser sessions at once; 0: any number."""
    upload_mb: int = UPLOAD
    """Megabytes of a file that may be sent; 0: none."""


def parse(argv: Sequence[str]) -> Arguments:
    """Read ``CHECKPOINT... --root FOLDER``; the root is the current folder by default."""
    parser = argparse.ArgumentParser(prog="streamlit run app/dashboard.py --")
    parser.add_argument("checkpoints", nargs="*", help="checkpoint files, models or run folders")
    parser.add_argument("--root", default=".", help="folder that the page may open files from")
    parser.add_argument("--read-only", action="store_true", help="pin no views below the root")
    parser.add_argument("--user-header", default="", help="header that names the proxy's user")
    parser.add_argument("--most-sessions", type=int, default=0, help="browser sessions at once")
    parser.add_argument("--upload-mb", type=int, default=UPLOAD, help="of a file; 0: no uploads")
    given = parser.parse_args(list(argv))
    return Arguments(
        checkpoints=tuple(given.checkpoints),
        root=Path(given.root).resolve(),
        read_only=given.read_only,
        token=os.environ.get(TOKEN, ""),
        user_header=given.user_header,
        most_sessions=given.most_sessions,
        upload_mb=given.upload_mb,
    )
