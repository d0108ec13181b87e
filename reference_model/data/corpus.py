"""Text to train on: Python's own standard library, or the files and folders a user names."""

import gzip
import hashlib
import lzma
import os
import sysconfig
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from reference_model.errors import UsageError

TEXT_SUFFIXES = (".py", ".md", ".rst", ".txt")
PACKED = {".gz": gzip.decompress, ".xz": lzma.decompress}

NOT_THE_STANDARD_LIBRARY = {"site-packages", "dist-packages", "encodings"}
"""Other people's packages, and tables written by a program (the character maps)."""
HELD_OUT_PERCENT = 5
FEWEST_FILES_TO_SPLIT = 20
"""With fewer files than this the end of each file is held out instead of whole files."""


@dataclass(frozen=True)
class Document:
    """One text file and its name relative to where it was found, with forward slashes."""

    name: str
    text: str


def read_corpus(paths: list[Path]) -> list[Document]:
    """Read every text file named or found in a folder, in a fixed order.

    Parameters
    ----------
    paths : list of Path
        Files and folders; empty for the sources and documentation of Python's standard library
        (its docstrings, its tests and the language reference in ``pydoc_data``; about 30 MB, or
        about 13 MB where the system's Python leaves out its tests).

    Raises
    ------
    UsageError
        If a path is missing, a folder holds no text, or a named file is not UTF-8.
    """
    if not paths:
        root = Path(sysconfig.get_paths()["stdlib"])
        documents = _read_folder(root, NOT_THE_STANDARD_LIBRARY)
        if not documents:
            msg = "this Python ships no standard library sources; name text with --data PATH"
            raise UsageError(msg)
        return documents
    documents = []
    for path in paths:
        if path.is_dir():
            found = _read_folder(path)
            if not found:
                msg = f"{path}: no text found; looked for {', '.join(TEXT_SUFFIXES)} (or .gz, .xz)"
                raise UsageError(msg)
            documents.extend(found)
        else:
            documents.append(Document(path.name, _read_named_file(path)))
    return documents


def split_corpus(documents: list[Document]) -> tuple[list[Document], list[Document]]:
    """Training and validation documents; a document is never in both.

    Whole files are held out by a hash of their name, so the split is the same on every machine. A
    corpus of few files gives the last lines of each file instead.
    """
    if len(documents) < FEWEST_FILES_TO_SPLIT:
        halves = [_cut(document) for document in documents]
        return [first for first, _ in halves], [last for _, last in halves]
    training = [document for document in documents if not _is_held_out(document.name)]
    validation = [document for document in documents if _is_held_out(document.name)]
    return training, validation


def _is_held_out(name: str) -> bool:
    return (
        int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT
    )


def _cut(document: Document) -> tuple[Document, Document]:
    text = document.text
    start = len(text) - len(text) * HELD_OUT_PERCENT // 100
    start = text.rfind("\n", 0, start) + 1 or start  # at the start of a line where there are lines
    return Document(document.name, text[:start]), Document(document.name, text[start:])


def _is_text(path: Path) -> bool:
    name = path.with_suffix("") if path.suffix in PACKED else path
    return name.suffix in TEXT_SUFFIXES and path.is_file()


def _read_folder(root: Path, skipped: Collection[str] = ()) -> list[Document]:
    documents = []
    for path in sorted(_walk(root, skipped)):
        text = _decode(path)
        if text:  # a few of Python's tests are deliberately not UTF-8, or empty
            documents.append(Document(path.relative_to(root).as_posix(), text))
    return documents


def _walk(root: Path, skipped: Collection[str]) -> Iterator[Path]:
    """Text files below `root`, never entering hidden, skipped or compiled folders."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [
            name
            for name in subfolders
            if name not in skipped and name != "__pycache__" and not name.startswith(".")
        ]
        yield from (Path(folder, name) for name in names if _is_text(Path(folder, name)))


def _read_named_file(path: Path) -> str:
    try:
        text = _decode(path)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); check the path given to --data"
        raise UsageError(msg) from error
    if text is None:
        msg = f"{path}: not UTF-8 text; --data takes text, folders of text, or a train.bin folder"
        raise UsageError(msg)
    if not text:
        raise UsageError(f"{path}: the file is empty")
    return text


def _decode(path: Path) -> str | None:
    content = path.read_bytes()
    try:
        return PACKED.get(path.suffix, bytes)(content).decode()
    except (UnicodeDecodeError, lzma.LZMAError, gzip.BadGzipFile, EOFError):
        return None
