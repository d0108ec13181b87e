"""Many browser sessions at once: none fails, nothing is measured twice, memory is bounded."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest

import pytest
from app_runs import write_legible_run
from browsing import (
    CHARTS,
    FAULTS,
    TABLES,
    browser,
    eventually,
    follow,
    missing,
    resident,
    served,
    session,
    settle,
)

from app.app_pages import PAGES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]

# Where sessions begin: the first example of every page, then the second, and so on; each goes on
# to the page of the session after it.
STARTS = [
    (name, query)
    for queries in zip_longest(*([*page.examples, ""] for page in PAGES.values()))
    for name, query in zip(PAGES, queries, strict=True)
    if query is not None
]
MEGABYTE = 2**20
A_SESSION = 30 * MEGABYTE
"""Bound on what each session after the first adds to the server's memory."""


@pytest.mark.slow
@pytest.mark.parametrize("many", [3, 10])
def test_sessions_at_once(tmp_path, many):
    runs = [write_legible_run(tmp_path / family, family) for family in ("gpt", "ngpt")]
    counts = tmp_path / "counts"
    with served(*runs, cache=tmp_path, counted_in=counts) as (address, pid), browser() as started:
        first = session(started).new_page()
        first.goto(address)
        settle(first)
        before = resident(pid)
        pages = [session(started).new_page() for _ in range(many)]
        for page, (name, query) in zip(pages, STARTS, strict=False):
            path = "" if name == next(iter(PAGES)) else name
            page.goto(f"{address}/{path}?{query}", wait_until="commit")
        for page, (name, _) in zip(pages, STARTS[1:] + STARTS[:1], strict=False):
            settle(page)
            follow(page, PAGES[name].title)
        for page in pages:
            settle(page)
            drawn = page.locator(f"{CHARTS} .js-plotly-plot, {TABLES}")
            assert eventually(lambda drawn=drawn: drawn.count() > 0)
            assert page.locator(FAULTS).count() == 0
        grown = resident(pid) - before
    measured = Counter(counts.read_text().splitlines())
    assert len(measured) > 10
    assert set(measured.values()) == {1}, measured.most_common(3)
    assert grown < many * A_SESSION, f"{before} bytes before, {grown} more for {many} sessions"
