"""Bytes on disk to named tensors: one file a format, no code of any checkpoint ever run."""

import difflib
import os
import re
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import MissingLibrary, Unreachable, UnreadableFile
from ngpt_inspect.formats._foreign import HEAD, not_supported, refuse_not_weights
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._parts import with_part
from ngpt_inspect.formats.adapters.parts import as_adapter
from ngpt_inspect.formats.places.beside import files_of, stamp_of, with_settings
from ngpt_inspect.formats.places.folder import INNER, find_model
from ngpt_inspect.formats.places.opening import open_bytes, place_of
from ngpt_inspect.formats.places.remote import CHECK_ADDRESS, RemotePath
from ngpt_inspect.formats.torch.memory import is_in_memory, read_memory
from ngpt_inspect.hub_cache import cached, is_offline
from ngpt_inspect.places import Place
from ngpt_inspect.plugins import collect
from ngpt_inspect.quantised import dequantised
from ngpt_inspect.stored import Contents
from ngpt_inspect.wording import listed

__all__ = ["FORMATS", "Format", "files_of", "is_model", "model_in", "read_contents", "stamp_of"]

FORMATS: dict[str, Format] = collect(__name__, __path__, Format)
"""Every format, by name."""
NOTHING = "there is no such file or folder"
HUB_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w-]*(\.\d[\w-]*)*", re.ASCII)
"""``org/name``, without the suffix of a file."""


def read_contents(source: Any, part: str | None = None) -> Contents:
    """Open a checkpoint: its tensors by name, read later, and all it says of itself.

    Parameters
    ----------
    source
        A file; or a folder, which means its safetensors index, the last step of a training
        run, or its only model file. Either is a path, or a URI (``hf://org/name@revision``,
        ``s3://``, ``gs://``, ``https://``), of which only the bytes asked for travel; what the
        hub's cache holds needs no network.
        ``config.json`` beside it is attached. Or what is in memory: a module, a state dict (or
        a dict that holds one, as a checkpoint does), an open file, bytes.
    part
        Which set of weights, where there are several: ``ema`` beside ``model``. By default the
        usual one; `Contents.parts` names them all.

    Raises
    ------
    UnreadableFile
        Nothing there, nothing we read, damaged, or it would have to run code.
    MissingLibrary
        It needs an extra that is not installed.
    WrongOption
        It has no such part.
    """
    if is_in_memory(source):
        return dequantised(with_part(read_memory(source), part))
    kept = cached(source) if isinstance(source, str) else None
    if kept is not None and is_offline():
        return _read_at(kept, kept, part)
    try:
        return _read_at(place_of(source), source, part)
    except (Unreachable, MissingLibrary):
        if kept is None:
            raise
        return _read_at(kept, kept, part)


def _read_at(place: Place, source: Any, part: str | None) -> Contents:
    try:
        return _read(place, source, part)
    except OSError as error:
        raise UnreadableFile(
            f"cannot be opened ({error.strerror or error})",
            where=str(place),
            next_step="check that it is complete and that you may read it",
        ) from error


def is_model(place: Place) -> bool:
    """Tell whether some format reads a file or a folder, by its name and first bytes alone."""
    try:
        return _format_of(place)[0] is not None
    except (UnreadableFile, OSError):
        return False


def model_in(place: Place) -> Place:
    """Return what a folder stands for, through as many folders as it takes; a file as it is.

    Raises
    ------
    UnreadableFile
        Nothing, or several of which none comes first.
    """
    while place.is_dir() and _format_of(place)[0] is None:
        place = find_model(place)
    return place


def _read(place: Place, source: str | PathLike[str], part: str | None) -> Contents:
    if not place.exists():
        raise _missing_model(source) if HUB_MODEL.fullmatch(str(source)) else _missing(place)
    place = model_in(place)
    chosen, head = _format_of(place)
    if chosen is None:
        raise not_supported(place, head)
    stamp = stamp_of(place) if isinstance(place, Path) else ()
    folder = place if place.is_dir() else place.parent
    contents = with_part(as_adapter(chosen.read(place), folder, read_contents), part)
    if not contents.tensors:
        raise UnreadableFile(
            "holds no tensors", where=str(place), next_step="name the file that holds the weights"
        )
    if isinstance(place, RemotePath) and place.address != str(place):
        contents = replace(contents, address=place.address)
    outer = folder.parent if INNER.fullmatch(folder.name) else folder
    return replace(dequantised(with_settings(contents, outer)), stamp=stamp)


def _format_of(place: Place) -> tuple[Format | None, bytes]:
    """Return the format that accepts a place, and the first bytes it was told by."""
    head = b""
    if place.is_file():
        head = open_bytes(place).head(HEAD)
        refuse_not_weights(place, head)
    elif not place.is_dir():
        raise UnreadableFile(
            "is neither a file nor a folder", where=str(place), next_step="name a checkpoint file"
        )
    accepting = (known for known in FORMATS.values() if known.accepts(place, head))
    return next(accepting, None), head


def _missing_model(source: str | PathLike[str]) -> UnreadableFile:
    """Say that a name like those of the hub is no path here: nothing is fetched unasked."""
    return UnreadableFile(
        NOTHING,
        where=str(source),
        next_step=f"if it is a model of the Hugging Face hub, say hf://{source}",
    )


def _missing(path: Place) -> UnreadableFile:
    """Say what is missing: the last part, with names like it, or already a folder on the way."""
    if not isinstance(path, Path):
        refusal = path.refusal if isinstance(path, RemotePath) else ""
        what = f"there is no such file or folder for you ({refusal})" if refusal else NOTHING
        return UnreadableFile(what, where=str(path), next_step=CHECK_ADDRESS)
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
    return UnreadableFile(NOTHING, where=str(path), next_step=next_step)
