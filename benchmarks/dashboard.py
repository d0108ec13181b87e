"""How long a person waits for the dashboard, in a real browser.

    python benchmarks/dashboard.py CHECKPOINT... [--rounds 3] [--pages overview embeddings matrices]

Each round starts a new server on an empty cache. Cold: a page is opened for the first time; warm:
once more, in a new tab, on the same server. Told from the beginning of the navigation: the heading,
the first figure that is drawn, and the page at rest, with nothing still to be measured. Then, on
the page of matrices: another choice of a control, a click on a cell, the way to Overview by the
menu and back. The page itself notes when a pointer went down and when it painted what changed
last: looking from outside takes as long as what is looked at. Medians over the rounds, and from
where to where they went.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "app")]

from browsing import (  # noqa: E402
    CHARTS,
    PATIENCE,
    RESTING,
    browser,
    eventually,
    follow,
    missing,
    served,
    session,
    settle,
)
from recording import Measured, add_option, tell  # noqa: E402

from app.app_pages import PAGES  # noqa: E402

WATCH = """
const first = window.firstSeen = {};
const wanted = {heading: 'h1', figure: '.js-plotly-plot .main-svg'};
setInterval(() => {
    for (const [name, selector] of Object.entries(wanted))
        if (!(name in first) && document.querySelector(selector)) first[name] = performance.now();
}, 10);
const act = window.act = {began: 0, painted: 0};
addEventListener('pointerdown', event => { act.began = event.timeStamp; }, true);
const painted = () => setTimeout(() => { act.painted = performance.now(); });
const seen = ({target}) => !(target.closest ? target : target.parentElement)?.closest('canvas');
new MutationObserver(changes => changes.some(seen) && requestAnimationFrame(painted)).observe(
    document, {subtree: true, childList: true, attributes: true, characterData: true});
"""
"""Runs before a page does: when each thing is there first, when somebody acted last, and when the
page was last painted anew; in milliseconds of the navigation. What stands within a canvas is for
screen readers: a table tells it a third of a second after its cells are painted."""
STILL = f"() => performance.now() - window.act.painted > 500 && ({RESTING})()"

Told = dict[str, list[float]]


def main() -> None:
    """Serve, look, and tell the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", help="what the dashboard opens")
    parser.add_argument("--rounds", type=int, default=3)
    overview, *others = PAGES
    parser.add_argument("--pages", nargs="+", default=[overview, "embeddings", "matrices"])
    add_option(parser)
    given = parser.parse_args()
    if missing():
        sys.exit(f"no browser to look with: {missing()}")
    if unknown := {*given.pages} - {overview, *others}:
        sys.exit(f"no pages {', '.join(sorted(unknown))}; there are {', '.join(PAGES)}")
    paths = [Path(each).resolve() for each in given.checkpoints]
    told: Told = defaultdict(list)
    with browser() as started:
        for _ in range(given.rounds):
            for name in given.pages:
                _look(started, paths, "" if name == overview else name, name, told)
            _use(started, paths, told)
    found = [Measured(work=name, values=seconds) for name, seconds in told.items()]
    tell(", ".join(path.name for path in paths), found, write=given.write)


def _served(paths: list[Path], cache: str) -> Any:
    """Serve as whoever starts the dashboard does: on all cores."""
    return served(*paths, cache=Path(cache), threads=None)


def _look(started: Any, paths: list[Path], path: str, name: str, told: Told) -> None:
    """Open a page of a new server twice."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache, _served(paths, cache) as (address, _):
        told["from the command to an answer"].append(time.perf_counter() - began)
        for state in ("cold", "warm"):
            page = session(started).new_page()
            page.add_init_script(WATCH)
            page.goto(f"{address}/{path}")
            _await_rest(page)
            seen = page.evaluate("({...window.firstSeen, 'at rest': window.act.painted})")
            for what, at in seen.items():
                told[f"{name}, {state}: {what}"].append(at / 1000)
            page.context.close()


def _use(started: Any, paths: list[Path], told: Told) -> None:
    """Change a control, click on a cell, leave the page and come back: all measured before."""
    with tempfile.TemporaryDirectory() as cache, _served(paths, cache) as (address, _):
        page = session(started).new_page()
        page.add_init_script(WATCH)
        page.goto(address)
        settle(page)
        follow(page, "Matrices")
        for _ in range(2):  # what is measured or drawn at the first change is not of the second
            for each in ("heads", "median"):
                option = page.get_by_role("radio", name=each, exact=True).first
                _change(page, option.click, told, "a changed control")
        cells = page.locator(CHARTS).nth(0).locator(".nsewdrag").first
        cells.scroll_into_view_if_needed()
        box = cells.bounding_box()
        for of in ("", " looked at before"):
            for share in (3 / 4, 1 / 4):
                at = {"x": box["width"] * share, "y": box["height"] / 4}
                _change(page, partial(cells.click, position=at), told, f"a click on a cell{of}")
        for name in ("Overview", "Matrices"):
            _change(page, partial(follow, page, name), told, "a page seen before")
        page.context.close()


def _change(page: Any, act: Callable[[], None], told: Told, what: str) -> None:
    """Time from an act, which changes the address, to the last that the page painted of it."""
    _await_rest(page)
    before = page.evaluate("location.href")
    act()
    if not eventually(lambda: page.evaluate("location.href") != before, page):
        sys.exit(f"{what} changed nothing")
    _await_rest(page)
    told[what].append(page.evaluate("window.act.painted - window.act.began") / 1000)


def _await_rest(page: Any) -> None:
    """Wait until a page rests and has done so for half a second."""
    page.wait_for_function(STILL, timeout=PATIENCE * 1000, polling=100)


if __name__ == "__main__":
    main()
