"""What this browser session looks at: checkpoints, runs and results, and where it got them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.places import is_uri, public_name
from ngpt_inspect.plotting import is_checkpoint
from ngpt_inspect.runs import METRICS, is_run

from ..arguments import Arguments
from ..engine.loading import open_once
from .uploads import Upload, discard, uploads

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

QUERY, CLOSED = "open", "closed"
"""The address of the page repeats the first key for every path opened from the page, the second
for every path of the command line that was closed there."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One thing this session looks at, and what came of it."""

    text: str
    """The path as it was typed, or where an upload is kept: what `close` takes. Of an address
    what everyone may see: it may get into the address of the page."""
    name: str
    """For people."""
    path: str = ""
    """Empty where it may not be opened; of an address what everyone may see."""
    checkpoint: WeightSet | None = None
    """None for training results, for a run that has no checkpoint yet, and for what failed."""
    failure: str = ""
    """One sentence on why it could not be opened."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """All that was asked for."""

    opened: tuple[Opened, ...]

    @property
    def checkpoints(self) -> tuple[WeightSet, ...]:
        """What could be opened and has weights."""
        return tuple(each.checkpoint for each in self.opened if each.checkpoint is not None)

    @property
    def places(self) -> tuple[str, ...]:
        """Every path that could be opened, also of results, traces and runs without weights."""
        return tuple(each.path for each in self.opened if not each.failure)


def added() -> list[str]:
    """Return the paths opened from the page, first those of the address it was reached by."""
    return _kept_in_address(QUERY)


def closed() -> list[str]:
    """Return the paths of the command line that this session does not want to see."""
    return _kept_in_address(CLOSED)


def _kept_in_address(key: str) -> list[str]:
    kept: list[str] = st.session_state.setdefault(f"{key} paths", st.query_params.get_all(key))
    return kept


def add(text: str) -> None:
    """Open one more path."""
    if text in closed():
        closed().remove(text)
    elif text and text not in added():
        added().append(text)


def close(text: str) -> None:
    """Forget a path or an upload."""
    if text in added():
        added().remove(text)
    elif not discard(text):
        closed().append(text)


def load(arguments: Arguments) -> Session:
    """Open all that was asked for; whatever fails leaves the others as they are."""
    for key in (QUERY, CLOSED):
        kept = _kept_in_address(key)
        if st.query_params.get_all(key) != kept:
            st.query_params[key] = kept
    named = dict.fromkeys(arguments.checkpoints)
    opened = [
        _named(public_name(text), text) for text in named if public_name(text) not in closed()
    ]
    opened += [_typed(text, arguments.root) for text in added() if text not in named]
    opened += [_uploaded(upload) for upload in uploads()]
    session = Session(opened=tuple(_told_apart(opened)))
    st.session_state["session"] = session
    return session


def _opened(text: str, path: str) -> Opened:
    """Open a path or an address, or say why that is not possible."""
    name = Path(text).name
    try:
        checkpoint = None if _has_no_weights(path) else open_once(path)
    except InspectError as error:
        return Opened(text=text, name=name, path=path, failure=str(error))
    except OSError as error:
        failure = f"{text}: cannot be opened ({error.strerror or error})"
        return Opened(text=text, name=name, path=path, failure=failure)
    return Opened(text=text, name=name, path=path, checkpoint=checkpoint)


def _named(text: str, source: str) -> Opened:
    """Open what the command line names. Of an address only its owner may see the whole."""
    found = _opened(text, source)
    return replace(found, path=text)


def _typed(text: str, root: Path) -> Opened:
    """Open a path that was typed into the page, if it may be opened from there."""
    try:
        return _opened(text, _confined(text, root))
    except InspectError as error:
        return Opened(text=text, name=Path(text).name, failure=str(error))


def _uploaded(upload: Upload) -> Opened:
    """Open an upload under the name it came with."""
    path = str(upload.path)
    found = _opened(path, path)
    failure = found.failure.replace(path, upload.name)
    named = found.checkpoint and replace(found.checkpoint, label=upload.label)
    return replace(found, name=upload.name, failure=failure, checkpoint=named)


def _told_apart(opened: Sequence[Opened]) -> Iterator[Opened]:
    """Yield the same with labels that tell the checkpoints apart."""
    labelled = iter(distinct([each.checkpoint for each in opened if each.checkpoint is not None]))
    for each in opened:
        yield each if each.checkpoint is None else replace(each, checkpoint=next(labelled))


def current() -> Sequence[WeightSet]:
    """Return the open checkpoints, for a page to show."""
    session: Session = st.session_state["session"]
    return session.checkpoints


def current_places() -> Sequence[str]:
    """Return the paths of all that is open: what `training_results` takes."""
    session: Session = st.session_state["session"]
    return session.places


def _has_no_weights(source: str) -> bool:
    """Tell results, and the folder of a run before its first checkpoint, from checkpoints."""
    if is_uri(source):
        return False
    path = Path(source)
    young_run = (path / METRICS).is_file() and not is_run(path)
    return path.exists() and (young_run or not is_checkpoint(path))


def _confined(text: str, root: Path) -> str:
    """Return the path that was typed into the page, if it may be opened from there.

    Raises
    ------
    WrongOption
        It lies outside the root, is an address, or cannot be a path.
    """
    if is_uri(text):
        raise WrongOption(
            "is an address, and nothing is fetched that is typed into this page",
            where=public_name(text),
            next_step="name it when you start the dashboard, or download it",
        )
    try:
        path = (root / Path(text).expanduser()).resolve()
    except (ValueError, RuntimeError, OSError) as error:
        raise WrongOption(
            f"cannot be a path ({error})", where=text, next_step="check how it is spelled"
        ) from error
    if not path.is_relative_to(root):
        raise WrongOption(
            "lies outside the folder this dashboard may open",
            where=text,
            next_step="start it with --root FOLDER, or name the checkpoint when you start it",
        )
    return str(path)
