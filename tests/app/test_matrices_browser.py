"""A click in a real browser: streamlit reports it, and the page and its address follow."""

import re

import pytest
from browsing import CHROMIUM, FLAGS, missing, served
from small_models import write_gpt, write_ngpt

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]


def test_a_click_on_a_cell_shows_its_matrix_and_the_link_reopens_it(tmp_path):
    from playwright.sync_api import expect, sync_playwright

    paths = [write_gpt(tmp_path / "gpt.safetensors"), write_ngpt(tmp_path / "ngpt.safetensors")]
    with served(*paths, cache=tmp_path) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(f"{address}/matrices?shown=mlp")
        charts = page.locator(".js-plotly-plot")
        expect(charts).to_have_count(4, timeout=60_000)
        panel = charts.nth(1).locator(".nsewdrag").first
        panel.scroll_into_view_if_needed()
        box = panel.bounding_box()
        # The middle of the last of three columns: W_u, W_nu, W_oMLP.
        page.mouse.click(box["x"] + box["width"] * 5 / 6, box["y"] + box["height"] / 2)
        page.wait_for_url(re.compile("role=W_oMLP"), timeout=30_000)
        wanted = page.get_by_text("WoMLP of layer 0, whole").first
        wanted.wait_for(timeout=30_000)
        again = browser.new_page()
        again.goto(page.url)
        again.get_by_text("WoMLP of layer 0, whole").first.wait_for(timeout=60_000)
        browser.close()
