"""Many browser sessions of the dashboard for some minutes: how much memory the server holds.

    python benchmarks/sessions.py RUN... [--sessions 10] [--minutes 10]

Each session walks through the pages, one after another and round again, in a profile of its own of
a headless Chromium, and waits for each page to be drawn. Every half minute a line tells the pages
drawn so far, the resident memory of the server and the most it has held; the last line compares
the memory after the first round with that at the end: a leak grows with the minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "app")]

from browsing import FAULTS, browser, missing, resident, served, session, settle  # noqa: E402

from app.app_pages import PAGES  # noqa: E402

EVERY = 30.0
"""Seconds between two lines."""
MEGABYTE = 2**20


def main() -> None:
    """Serve, walk, and tell the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="what the dashboard opens")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    if missing():
        sys.exit(f"no browser to look with: {missing()}")
    paths = [Path(run).resolve() for run in given.runs]
    with (
        tempfile.TemporaryDirectory() as cache,
        served(*paths, cache=Path(cache)) as (address, pid),
        browser() as started,
    ):
        pages = [session(started).new_page() for _ in range(given.sessions)]
        print(f"{given.sessions} sessions, {given.minutes:g} minutes", flush=True)
        walk(address, pid, pages, given.minutes * 60)


def walk(address: str, pid: int, pages: list, seconds: float) -> None:
    """Have sessions walk through the pages in turn until the time is over."""
    names = ["", *list(PAGES)[1:]]
    start, told, drawn, held, first = time.monotonic(), 0.0, 0, [], 0
    while time.monotonic() - start < seconds:
        for at, page in enumerate(pages):
            page.goto(f"{address}/{names[(drawn // len(pages) + at) % len(names)]}")
        for page in pages:
            settle(page)
            assert page.locator(FAULTS).count() == 0, page.url
        drawn += len(pages)
        held.append(resident(pid) / MEGABYTE)
        if not first and drawn >= len(pages) * len(names):
            first = len(held)
        if time.monotonic() - start - told >= EVERY:
            told = time.monotonic() - start
            line = f"{told:6.0f} s  {drawn:5} pages  {held[-1]:6.0f} MB, at most {max(held):.0f} MB"
            print(line, flush=True)
    after = held[first - 1] if first else held[0]
    print(f"after one round {after:.0f} MB, at the end {held[-1]:.0f} MB, at most {max(held):.0f}")


if __name__ == "__main__":
    main()
