"""Bytes on disk to named tensors: one file a format, no code of any checkpoint ever run."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._beside import with_settings
from ngpt_inspect.formats._folder import find_model
from ngpt_inspect.formats._foreign import not_supported, refuse_not_weights
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._text import listed
from ngpt_inspect.plugins import collect
from ngpt_inspect.stored import Contents

__all__ = ["FORMATS", "Format", "read_contents"]

FORMATS: dict[str, Format] = collect(__name__, __path__, Format)
"""Every format, by name."""


def read_contents(path: Path) -> Contents:
    """Open a checkpoint: its tensors by name, read later, and all it says of itself.

    Parameters
    ----------
    path
        A file; or a folder, which means its safetensors index, the last step of a training
        run, or its only model file. ``config.json`` beside it is attached.

    Raises
    ------
    UnreadableFile
        Nothing there, nothing we read, damaged, or it would have to run code.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would lose the names of links
    try:
        return _read(path)
    except OSError as error:
        raise UnreadableFile(
            f"cannot be opened ({error.strerror or error})",
            where=str(path),
            next_step="check that it is complete and that you may read it",
        ) from error


def _read(path: Path) -> Contents:
    if not path.exists():
        raise _missing(path)
    chosen = _format_of(path)
    if chosen is None and path.is_dir():
        path = find_model(path)
        chosen = _format_of(path)
    if chosen is None:
        raise not_supported(path)
    contents = chosen.read(path)
    if not contents.tensors:
        raise UnreadableFile(
            "holds no tensors", where=str(path), next_step="name the file that holds the weights"
        )
    return with_settings(contents, path if path.is_dir() else path.parent)


def _format_of(path: Path) -> Format | None:
    if path.is_file():
        refuse_not_weights(path)
    elif not path.is_dir():
        raise UnreadableFile(
            "is neither a file nor a folder", where=str(path), next_step="name a checkpoint file"
        )
    return next((known for known in FORMATS.values() if known.accepts(path)), None)


def _missing(path: Path) -> UnreadableFile:
    """Say what is missing: the last part, with names like it, or already a folder on the way."""
    parent = path.parent
    if not parent.exists():
        return _missing(parent)
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    next_step = f"did you mean {listed(near)}?" if near else f"{parent} exists: look there"
    if path.is_symlink():
        return UnreadableFile(
            f"is a link to {os.readlink(path)}, which does not exist",  # noqa: PTH115
            where=str(path),
            next_step="make the link again",
        )
    return UnreadableFile("there is no such file or folder", where=str(path), next_step=next_step)
