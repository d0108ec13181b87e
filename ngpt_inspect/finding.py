"""What checkpoints, runs and results lie below a folder: a bounded walk that never leaves it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats import is_model, model_in
from ngpt_inspect.formats.places.folder import NOT_MODELS
from ngpt_inspect.hub_cache import is_cache
from ngpt_inspect.places import Place
from ngpt_inspect.runs import METRICS, STEP_FOLDER, is_run

DEPTH = 4
"""Folders below folders that are looked into."""
ENTRIES = 4000
"""Files and folders that are looked at."""
RESULTS = ".csv"
"""Files of training results, by their name: what is in one is said when it is opened."""
MOST = 200
"""Paths that are returned."""


@dataclass(frozen=True)
class Found:
    """Paths below a folder, relative to it."""

    paths: tuple[str, ...]
    cut: str
    """Why there may be more; empty when this is all."""


def found_below(
    root: Path, *, depth: int = DEPTH, entries: int = ENTRIES, most: int = MOST
) -> Found:
    """Return the runs, models, checkpoint files and CSV files below a folder, the nearest first.

    Of a run, or a folder that stands for one model, the files are not listed. Hidden files and
    folders are left out; so are links that lead out of the root, and all links to folders. Only
    names and first bytes are read.

    Parameters
    ----------
    root
        Where to look; ``.`` among the paths found.
    depth, entries, most
        Bounds: how deep, how many files and folders are looked at, how many paths are returned.
    """
    top = root.resolve()
    cuts: dict[str, None] = {}
    paths = [str(path.relative_to(top)) for path in _walk(top, depth, entries, cuts)]
    if len(paths) > most:
        cuts[f"{most} of {len(paths)} are listed"] = None
    return Found(tuple(paths[:most]), ", ".join(cuts))


def _walk(top: Path, depth: int, entries: int, cuts: dict[str, None]) -> Iterator[Path]:
    """Yield what can be opened, level by level; `cuts` takes what the bounds left out."""
    folders = deque([(top, 0)])
    left = entries
    while folders:
        folder, level = folders.popleft()
        inside = list(islice(_visible(folder, top), left + 1))
        is_one = _stands_for_a_model(folder)
        if is_one:
            yield folder
        for path in sorted(inside[:left]):
            if path.is_dir():
                if is_one and (STEP_FOLDER.match(path.name) or is_cache(folder)):
                    continue
                if level < depth:
                    folders.append((path, level + 1))
                else:
                    cuts[f"looked {depth} folders deep"] = None
            elif not is_one and (path.suffix.lower() == RESULTS or _is_model(path)):
                yield path
        if len(inside) > left:
            cuts[f"looked at the first {entries:,} files and folders"] = None
            return
        left -= len(inside)


def _visible(folder: Path, top: Path) -> Iterator[Path]:
    """Yield what is in a folder and may be looked at."""
    try:
        for path in folder.iterdir():
            if path.name.startswith("."):
                continue
            if not path.is_symlink() or (path.is_file() and path.resolve().is_relative_to(top)):
                yield path
    except OSError:  # not ours to read, or just deleted
        return


def _stands_for_a_model(folder: Path) -> bool:
    """Tell whether a folder is a run, also one without a checkpoint yet, or holds one model."""
    try:
        if is_run(folder) or (folder / METRICS).is_file():
            return True
        return _is_model(model_in(folder))
    except (InspectError, OSError):
        return False


def _is_model(place: Place) -> bool:
    """Tell whether a file or folder is of a format we read, and not beside a model."""
    return place.name not in NOT_MODELS and is_model(place)
