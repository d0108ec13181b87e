"""Everything that is written to a terminal, a pipe or a file by the command line."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from ngpt_inspect.cli.interrupt import INTERRUPTED, interruptible
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.naming import named
from ngpt_inspect.tables.export import ENCODERS, write_bytes

WRONG_INPUT, OUR_FAULT = 2, 3
EDGELESS = 1000
"""Width in characters of what has no edge to wrap at: a pipe, a file."""
PLAIN_TEXT = ("", "txt", "text", "log", "md")
"""Suffixes of files that hold a table to read."""


def note(line: str) -> None:
    """Write one line to stderr."""
    print(line, file=sys.stderr)  # noqa: T201


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a command raises into one line on stderr and an exit code."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        if os.environ.get("NGPT_INSPECT_DEBUG"):
            command(*args, **kwargs)
            return
        try:
            with interruptible():
                command(*args, **kwargs)
            sys.stdout.flush()
        except InspectError as error:
            _stop(str(error), WRONG_INPUT)
        except KeyboardInterrupt:
            _stop("interrupted", INTERRUPTED)
        except BrokenPipeError:  # the reader has what it wanted: `| head`
            _write_nowhere()
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                _write_nowhere()
                _stop(f"not all could be written: {error.strerror}", WRONG_INPUT)
            kind = f"{type(error).__name__}: {error}".splitlines()[0]
            _stop(f"a fault of ours: {kind}; NGPT_INSPECT_DEBUG=1 shows where", OUR_FAULT)

    return run


def _write_nowhere() -> None:
    """Have Python's last flush go where it cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(line: str, code: int) -> None:
    note(f"ngpt-inspect: {line}")
    raise SystemExit(code) from None


def format_named(name: str | None, output: Path | None) -> str:
    """Return the output format: asked for, else by the file's suffix, else a table to read.

    Raises
    ------
    WrongOption
        There is no such format, or the file's suffix says none.
    """
    formats = {each: each for each in ("table", *ENCODERS)}
    if name is not None:
        return named(name, formats, "format", where="--format")
    suffix = "" if output is None else output.suffix[1:].lower()
    if found := formats.get("table" if suffix in PLAIN_TEXT else suffix):
        return found
    raise WrongOption(
        f"no format .{suffix}",
        where=str(output),
        next_step=f"end the name in .txt, .{', .'.join(ENCODERS)}, or say --format",
    )


def write(data: bytes, *, to: Path | None) -> None:
    """Write data to a file, or to stdout, where it stands between what was printed."""
    if to is not None:
        write_bytes(to, data)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def show(*renderables: Any, to: Path | None = None) -> None:
    """Print rich tables at their natural width: a pipe or a file has no edge to wrap at."""
    from rich.console import Console

    # Brackets and colons in names are neither markup nor emoji.
    console = Console(
        width=None if sys.stdout.isatty() and to is None else EDGELESS, markup=False, emoji=False
    )
    if to is None:
        for each in renderables:
            console.print(each)
        return
    with console.capture() as capture:
        for each in renderables:
            console.print(each, no_wrap=True)
    write(capture.get().encode(), to=to)


@contextmanager
def progress_bar(
    title: str, quiet: bool, above: Callable[[], Any] | None = None
) -> Iterator[Callable[[float, float], None] | None]:
    """Give a callback that moves a bar with a time estimate on stderr; None where nobody looks.

    `above` makes what is shown over the bar for as long as it is there.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True, markup=False, emoji=False)
    shown = [] if above is None else [above()]

    class Bar(Progress):
        def get_renderables(self) -> Iterator[Any]:
            yield from shown
            yield from super().get_renderables()

    with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title)
        yield lambda done, total: bar.update(task, completed=done, total=total)
