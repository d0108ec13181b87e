"""What this browser session looks at: checkpoints, runs and results, and where it got them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.figures.canvas.theme import shades_and_dashes
from ngpt_inspect.formats import files_of
from ngpt_inspect.places import is_uri, public_name
from ngpt_inspect.plotting import is_checkpoint
from ngpt_inspect.runs import METRICS, is_run, log_of, run_of, step_files
from ngpt_inspect.tokens import tokenizer_file

from ..arguments import Arguments
from ..engine.loading import open_once
from ..engine.palette import FOREIGN, Look, set_palette
from ..engine.stamps import has_changed
from .address import CLOSED, COLOR, HIDDEN, OPEN, STEP, all_asked, toggle, write
from .uploads import Upload, discard, uploads

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

RGB = re.compile("[0-9a-f]{6}")

REFUSED = "refused"
"""Key of why what was typed or linked to last could not be opened, by what was typed."""


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
    steps: tuple[int, ...] = ()
    """Those of a run that can be shown in its place."""
    failure: str = ""
    """One sentence on why it could not be opened."""
    waits: bool = False
    """A folder that holds nothing yet."""
    look: Look = FOREIGN
    hidden: bool = False
    """Whether no figure and no table has it."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """All that was asked for."""

    opened: tuple[Opened, ...]
    root: Path
    """Below it lies all that may be opened from the page, and the pinned views."""
    writable: bool = True
    """Whether views may be pinned there."""

    @property
    def shown(self) -> tuple[Opened, ...]:
        """What could be opened and is not hidden."""
        return tuple(
            each for each in self.opened if not (each.hidden or each.failure or each.waits)
        )

    @property
    def checkpoints(self) -> tuple[WeightSet, ...]:
        """What is shown and has weights."""
        return tuple(each.checkpoint for each in self.shown if each.checkpoint is not None)

    @property
    def places(self) -> tuple[str, ...]:
        """Every path that is shown, also of results, traces and runs without weights."""
        return tuple(each.path for each in self.shown)


def add(text: str) -> None:
    """Open one more path."""
    if text in all_asked(CLOSED):
        toggle(CLOSED, text)
    elif text and text not in all_asked(OPEN):
        toggle(OPEN, text)


def close(text: str) -> None:
    """Forget a path or an upload."""
    if text in all_asked(OPEN):
        toggle(OPEN, text)
    elif not discard(text):
        toggle(CLOSED, text)


def load(arguments: Arguments) -> Session:
    """Open all that was asked for; whatever fails leaves the others as they are.

    A path that was typed or linked to and cannot be opened does not stay in the address.
    """
    named = dict.fromkeys(arguments.checkpoints)
    closed, steps = all_asked(CLOSED), pairs(STEP)
    opened = [
        _named(public_name(text), text, steps.get(public_name(text)))
        for text in named
        if public_name(text) not in closed
    ]
    asked = [text for text in dict.fromkeys(all_asked(OPEN)) if text not in named]
    typed = [_typed(text, arguments.root, steps.get(text)) for text in asked]
    known: set[str] = st.session_state.setdefault("opened before", set())
    wrong = {each.text: each.failure for each in typed if each.failure and each.text not in known}
    known.update(each.text for each in typed if not each.failure)
    if wrong:
        st.session_state.setdefault(REFUSED, {}).update(wrong)
        write({OPEN: [each for each in all_asked(OPEN) if each not in wrong]})
    opened += [each for each in typed if each.text not in wrong]
    opened += [_uploaded(upload) for upload in uploads()]
    session = Session(
        opened=tuple(_with_looks(_told_apart(opened))),
        root=arguments.root,
        writable=not arguments.read_only,
    )
    st.session_state["session"] = session
    return session


def pairs(key: str) -> dict[str, str]:
    """Return what the address says of each path under a key that repeats ``path:value``."""
    split = (each.rpartition(":") for each in all_asked(key))
    return {text: value for text, _, value in split}


def set_pair(key: str, text: str, value: str | None) -> None:
    """Say something of a path in the address, or nothing any more."""
    said = {**pairs(key), text: value}
    write({key: [f"{path}:{told}" for path, told in said.items() if told is not None]})


def _opened(text: str, path: str, step: str | None = None) -> Opened:
    """Open a path or an address, or say why that is not possible."""
    name = Path(text).name
    told: dict[str, Any] = {"text": text, "name": name, "path": path}
    try:
        if _is_empty(path):
            return Opened(**told, waits=True)
        files = {} if is_uri(path) or not Path(path).is_dir() else step_files(Path(path))
        chosen = files.get(int(step)) if step and step.isdecimal() else None
        checkpoint = None if _has_no_weights(path) else open_once(str(chosen or path))
    except InspectError as error:
        return Opened(**told, failure=str(error))
    except OSError as error:
        failure = f"{text}: cannot be opened ({error.strerror or error})"
        return Opened(**told, failure=failure)
    return Opened(**told, checkpoint=checkpoint, steps=tuple(files))


def _is_empty(path: str) -> bool:
    """Tell a folder with nothing in it, or nothing that is whole: a run may be about to begin."""
    if is_uri(path) or not Path(path).is_dir():
        return False
    return all(each.name.startswith(".") for each in Path(path).iterdir())


def _named(text: str, source: str, step: str | None) -> Opened:
    """Open what the command line names. Of an address only its owner may see the whole."""
    return replace(_opened(text, source, step), path=text)


def _typed(text: str, root: Path, step: str | None = None) -> Opened:
    """Open a path that was typed into the page, if it may be opened from there."""
    try:
        found = _opened(text, confined(text, root), step)
        for file in _files(found):
            if not file.resolve().is_relative_to(root):
                raise _outside(text)
    except InspectError as error:
        return Opened(text=text, name=Path(text).name, failure=str(error))
    except OSError as error:  # gone in between
        failure = f"{text}: cannot be opened ({error.strerror or error})"
        return Opened(text=text, name=Path(text).name, failure=failure)
    return found


def _files(opened: Opened) -> Iterator[Path]:
    """Yield the files that pages read of what was opened: a link may lead anywhere."""
    if opened.failure or opened.waits:
        return
    places = [Path(opened.path)]
    if opened.checkpoint is not None:
        places.append(Path(opened.checkpoint.contents.source))
        tokenizer = tokenizer_file(opened.checkpoint.contents.source)
        yield from [] if tokenizer is None else [Path(tokenizer)]
    for place in places:
        run = run_of(place) or place
        log = log_of(run) if run.is_dir() else None
        yield from [] if log is None else [log]
        yield from step_files(run).values() if run.is_dir() else ()
        yield from (each for each in files_of(place) if isinstance(each, Path))


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


def _with_looks(opened: Iterable[Opened]) -> Iterator[Opened]:
    """Yield the same, each with the look it keeps whatever is hidden, and whether it is."""
    opened = list(opened)
    shades = shades_and_dashes(_family(each) for each in opened if not each.failure)
    chosen, hidden = pairs(COLOR), all_asked(HIDDEN)
    palette: dict[tuple[str, int | None], Look] = {}
    for each in opened:
        color, dash = FOREIGN if each.failure else next(shades)
        if RGB.fullmatch(asked := chosen.get(each.text, "")):
            color = f"#{asked}"
        shown = each.checkpoint
        key = (each.name, None) if shown is None else (shown.label, shown.step)
        palette.setdefault(key, (color, dash))
        yield replace(each, look=(color, dash), hidden=each.text in hidden)
    set_palette(palette)


def _family(opened: Opened) -> str:
    """Return the family of a checkpoint; of a run without any the one that its name says."""
    if opened.checkpoint is not None:
        return opened.checkpoint.family
    return "nGPT" if "ngpt" in opened.name.lower() else "GPT"


def now() -> Session:
    """Return what this browser session looks at."""
    session: Session = st.session_state["session"]
    return session


def current() -> Sequence[WeightSet]:
    """Return the open checkpoints, for a page to show."""
    return now().checkpoints


def outdated() -> bool:
    """Tell whether files of what is open have changed since: the whole page opens them again."""
    return "session" in st.session_state and any(has_changed(e.contents) for e in current())


def current_places() -> Sequence[str]:
    """Return the paths of all that is open: what `training_results` takes."""
    return now().places


def _has_no_weights(source: str) -> bool:
    """Tell results, and the folder of a run before its first checkpoint, from checkpoints."""
    if is_uri(source):
        return False
    path = Path(source)
    young_run = (path / METRICS).is_file() and not is_run(path)
    return path.exists() and (young_run or not is_checkpoint(path))


def confined(text: str, root: Path) -> str:
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
        raise _outside(text)
    return str(path)


def _outside(text: str) -> WrongOption:
    return WrongOption(
        "lies outside the folder this dashboard may open",
        where=text,
        next_step="start it with --root FOLDER, or name the checkpoint when you start it",
    )
