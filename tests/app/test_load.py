"""Many browser sessions at once: none fails, nothing is measured twice, memory is bounded."""

from __future__ import annotations

from collections import Counter

import pytest
from app_runs import write_legible_run
from browsing import (
    CHARTS,
    FAULTS,
    browser,
    eventually,
    follow,
    missing,
    resident,
    served,
    session,
    settle,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]

# Where each session begins, and the page it goes on to: with choices of its own.
WALKS = (
    ("matrices?of=heads", "Training"),
    ("?", "Matrices"),
    ("training?against=tokens", "Export"),
    ("matrices?of=whole&layer=1", "Rates and scales"),
    ("embeddings?view=histogram", "Overview"),
    ("scales?layer=1", "Path on the hypersphere"),
    ("path?prompt=So it goes", "Matrices"),
    ("export?width=one", "Embeddings"),
    ("matrices?role=W_u", "Overview"),
    ("training?against=seconds", "Rates and scales"),
)
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
        for page, (start, _) in zip(pages, WALKS, strict=False):
            page.goto(f"{address}/{start}", wait_until="commit")
        for page, (_, goal) in zip(pages, WALKS, strict=False):
            settle(page)
            follow(page, goal)
        for page in pages:
            settle(page)
            charts = page.locator(f"{CHARTS} .js-plotly-plot")
            assert eventually(lambda charts=charts: charts.count() > 0)
            assert page.locator(FAULTS).count() == 0
        grown = resident(pid) - before
    measured = Counter(counts.read_text().splitlines())
    assert len(measured) > 10
    assert set(measured.values()) == {1}, measured.most_common(3)
    assert grown < many * A_SESSION, f"{before} bytes before, {grown} more for {many} sessions"
