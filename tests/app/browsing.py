"""A served dashboard and a real Chromium to look at it with."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 600
"""Seconds after which nothing more will come, however busy the machine is."""
QUIET = 200
"""Looks at an idle page after which nothing more will come: each takes longer on a busy machine."""


def missing() -> str:
    """Return why no browser can be driven here; an empty text if one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return "" if CHROMIUM else "no Chromium or Chrome on the path"


@contextmanager
def served(
    *arguments: object, cache: Path, counted_in: Path | None = None, threads: int | None = 1
) -> Iterator[tuple[str, int]]:
    """Serve the dashboard with a command line; yield its address and process id.

    Parameters
    ----------
    arguments
        What follows ``--``.
    cache
        Where results are kept, and what the server says.
    counted_in
        A file that gets a line for every measurement.
    threads
        Of the server; None leaves it those it takes by itself.
    """
    port = free_port()
    server = ["-m", "streamlit"]
    if counted_in is not None:
        server = [str(Path(__file__).with_name("counting.py"))]
    command = [sys.executable, *server, "run", str(REPOSITORY / "app" / "dashboard.py")]
    command += ["--server.port", str(port), "--", *map(str, arguments)]
    log = cache / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {"NGPT_INSPECT_CACHE": str(cache)}
            | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
            | {"COUNTED_IN": str(counted_in), "PYTHONPATH": _path()},
        )
    try:
        address = f"http://127.0.0.1:{port}"
        await_health(address, process, log)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(PATIENCE)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _path() -> str:
    """Return where the server finds the packages, whatever file it is started from."""
    return os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))


def await_health(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers; fail with what it said if it ends or never does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1) as reply:
                if reply.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the dashboard does not answer:\n{log.read_text()}")


def resident(pid: int) -> int:
    """Return the bytes of memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
CHARTS, TABLES = "[data-testid=stPlotlyChart]", "[data-testid=stDataFrame]"
FAULTS = "[data-testid=stException]"
DRAWN = f"""() => [...document.querySelectorAll('{CHARTS}')].every(
    each => each.querySelector('.js-plotly-plot .main-svg')
) && [...document.querySelectorAll('{TABLES}')].every(
    each => !each.checkVisibility() || each.querySelector('canvas')?.width > 0
) && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"""
"""Whether what a page has so far is drawn, but for tables that are folded up, and none is stale."""
RESTING = f"""() => document.querySelector('h1') && document.querySelector('{IDLE}')
&& !['Not measured yet.', 'Still to come'].some(each => document.body.textContent.includes(each))
&& ({DRAWN})()"""
"""Whether a page is drawn and nothing on it is still to be measured: all at one moment."""
RESTED = f"""asked => {{
    const rests = ({RESTING})(), now = performance.now();
    if (window.asked !== asked || !rests) [window.asked, window.since] = [asked, now];
    return rests && now - window.since > 300;
}}"""
"""Whether it has been so for 0.3 s of those since it was first asked."""


def session(started: Any, **options: Any) -> Any:
    """Return a new profile of a browser, which shares nothing with others and has patience."""
    context = started.new_context(**options)
    context.set_default_timeout(PATIENCE * 1000)
    return context


@contextmanager
def browser() -> Iterator[Any]:
    """Start the system's Chromium; yield Playwright's handle of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


def eventually(holds: Callable[[], bool], page: Any = None) -> bool:
    """Tell whether something becomes true before patience ends, or before a page has come to rest.

    A page of the dashboard rests when it was idle at each of many looks, one after the other.
    """
    deadline, idle = time.monotonic() + PATIENCE, 0
    while time.monotonic() < deadline and idle < QUIET:
        if holds():
            return True
        time.sleep(0.05)
        idle = idle + 1 if page is not None and page.locator(IDLE).count() else 0
    return False


def addressed(page: Any, pattern: str) -> None:
    """Wait until the address of a page matches."""
    assert eventually(lambda: re.search(pattern, page.evaluate("location.href")), page), page.url


def settle(page: Any) -> None:
    """Wait until a page has rested for a while: what was just done has begun by then."""
    page.wait_for_function(RESTED, arg=time.monotonic(), timeout=PATIENCE * 1000, polling=50)


MENU = "[data-testid=stSidebar] [data-testid=stPageLink-NavLink]"
"""The links of the menu."""


def follow(page: Any, name: str) -> None:
    """Go to a page by its link in the menu."""
    before = page.url
    page.locator(MENU).filter(has_text=name).click()
    page.wait_for_function("before => location.href !== before", arg=before)
    settle(page)
