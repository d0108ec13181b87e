"""Where training results lie: folders of training runs, CSV files, folders of CSV files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.naming import several
from ngpt_inspect.places import Openable, is_held, is_one
from ngpt_inspect.results._registry import RESULTS
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.runs import METRICS, is_run, log_of, run_of
from ngpt_inspect.weights import WeightSet

Place = Openable | WeightSet
CSV = ".csv"


def listed(one_or_many: Any) -> list[Place]:
    """Return several sources, given one or several.

    Raises
    ------
    UnreadableFile
        One of them is not there.
    """
    one = is_one(one_or_many)
    found = [one_or_many] if one else several(one_or_many, WeightSet, what="a source")
    for source in _paths(found):
        if not source.exists():
            raise UnreadableFile(
                "cannot be read (No such file or directory)",
                where=str(source),
                next_step="name the folder of a training run, or a CSV file of training results",
            )
    return found


def without_weights(sources: Iterable[Place]) -> list[Path]:
    """Return the folders with metrics and no checkpoint: nothing tells their settings.

    So begins every run, and so ends one that diverges before its first checkpoint.
    """
    paths = dict.fromkeys(_paths(sources))
    return [path for path in paths if (path / METRICS).is_file() and not is_run(path)]


def holds_weights(source: Place) -> bool:
    """Tell whether a source is a checkpoint; a path that does not exist is taken for one."""
    if isinstance(source, WeightSet) or is_held(source):
        return True
    path = Path(source)  # type: ignore[arg-type]
    return path.suffix.lower() != CSV and (is_run(path) or not any(_known_files(path)))


def run_folders(sources: Iterable[Place]) -> list[Path]:
    """Return the folders of training runs with metrics; a checkpoint in one stands for it."""
    return list(dict.fromkeys(folder for source in sources for folder in _run_of(source)))


def csv_files(sources: Iterable[Place]) -> list[Path]:
    """Return the CSV files that are named, and those of a known name in the folders named."""
    found: dict[Path, None] = {}
    for path in _paths(sources):
        named = [path] if path.suffix.lower() == CSV and not path.is_dir() else _known_files(path)
        found |= dict.fromkeys(named)
    return list(found)


def table_of(path: Path, header: Iterable[str]) -> Results:
    """Return the table a CSV file is meant to be: its columns tell, else its name.

    A file that fits nothing is taken for what it shares most columns with, so that the message
    says what is wrong with it.
    """
    read = [each for each in RESULTS.values() if not each.of]
    there = set(header)

    def fit(each: Results) -> tuple[bool, bool, int]:
        wanted = {column.name for column in each.columns}
        return wanted == there, path.name in each.files, len(wanted & there)

    return max(read, key=fit)


def _paths(sources: Iterable[Place]) -> list[Path]:
    """Return those sources that are named by a path."""
    named = (each for each in sources if not isinstance(each, WeightSet) and not is_held(each))
    return [Path(each) for each in named]  # type: ignore[arg-type]


def _run_of(source: Place) -> Iterator[Path]:
    if not isinstance(source, WeightSet) and is_held(source):
        return
    path = Path(source.contents.source if isinstance(source, WeightSet) else source)  # type: ignore[arg-type]
    folder = run_of(path)
    if folder is not None and log_of(folder) is not None:
        yield folder


def _known_files(folder: Path) -> Iterator[Path]:
    known = dict.fromkeys(name for each in RESULTS.values() for name in each.files)
    yield from (folder / name for name in known if (folder / name).is_file())
