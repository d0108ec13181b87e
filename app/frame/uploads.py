"""Small files sent from the browser, kept for as long as the session that sent them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ..engine.loading import private_folder

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MOST = 8
"""Files a session may keep at once."""
SUFFIXES = ("safetensors", "pt", "pth", "bin", "ckpt")
LABEL = 40
"""Characters of a file's name that are shown."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that came from the browser."""

    name: str
    """As the browser tells it: shown, never used as a path."""
    path: Path
    """Where it is kept, under a name of ours."""

    @property
    def label(self) -> str:
        """A short name for legends."""
        return Path(self.name).stem[:LABEL] or "upload"


def uploads() -> list[Upload]:
    """Return this session's uploads, first to last."""
    kept: list[Upload] = st.session_state.setdefault("uploads", [])
    return kept


def draw_uploader(megabytes: int) -> None:
    """Draw the box to drop files on; what arrives is kept and the box is empty again.

    The browser sends a file whole and the server holds it: a larger one has a path.
    """
    key = f"upload {st.session_state.setdefault('uploads so far', 0)}"
    st.file_uploader(
        f"Or send a file of up to {megabytes} MB",
        type=list(SUFFIXES),
        accept_multiple_files=True,
        max_upload_size=megabytes,
        key=key,
        disabled=len(uploads()) >= MOST,
        help=f"At most {MOST} at once. Kept in a folder of this session's own and deleted when "
        "you close it or leave; a link to this page does not bring it back.",
        on_change=_take,
        args=(key, megabytes),
    )


def _take(key: str, megabytes: int) -> None:
    keep(st.session_state[key], megabytes)


def keep(files: Sequence[UploadedFile], megabytes: int) -> None:
    """Write uploaded files where `session.load` finds them, as many as there is room for."""
    for file in files[: max(0, MOST - len(uploads()))]:
        suffix = Path(file.name).suffix.lower()
        if suffix.removeprefix(".") not in SUFFIXES or file.size > megabytes * 2**20:
            continue  # the browser lets none of these through
        number = st.session_state["uploads so far"] = st.session_state["uploads so far"] + 1
        path = Path(private_folder().name) / f"upload-{number}{suffix}"
        with path.open("wb") as target:
            shutil.copyfileobj(file, target)
        uploads().append(Upload(name=file.name, path=path))


def discard(path: str) -> bool:
    """Delete an upload; return whether the path was one."""
    for each in uploads():
        if str(each.path) == path:
            uploads().remove(each)
            each.path.unlink(missing_ok=True)
            return True
    return False
