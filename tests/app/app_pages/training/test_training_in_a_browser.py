"""A run that trains, watched in a real browser."""

from __future__ import annotations

import re

import pytest
from app_runs import log, write_run
from browsing import FAULTS, browser, missing, served, settle

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]


@pytest.mark.slow
def test_a_run_that_trains_is_followed_by_itself(tmp_path):
    run = write_run(tmp_path / "ngpt", "ngpt", done=10, saved=(10,))
    with served(run, cache=tmp_path) as (address, _), browser() as started:
        page = started.new_page()
        page.goto(f"{address}/training")
        settle(page)
        page.get_by_text(re.compile("step 10 of 40")).first.wait_for()
        log(run, range(11, 16))
        page.get_by_text(re.compile("step 15 of 40")).first.wait_for(timeout=30_000)
        assert page.locator(FAULTS).count() == 0
