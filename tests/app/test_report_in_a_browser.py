"""The report in a real browser with the network off: it draws its figures and asks for nothing."""

from __future__ import annotations

import pytest
from browsing import browser, eventually, missing, session

import ngpt_inspect as ni

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]
TICK = ".plot .xtick text, .plot .ytick text"
PAPER = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def page(models, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    return ni.save_report(models, path, names="unit_norm").as_uri()


@pytest.mark.slow
def test_it_draws_offline(page):
    with browser() as started:
        draws(started, page, 1280, "light")
        draws(started, page, 400, "dark")


def draws(started, page, width, scheme):
    size = {"width": width, "height": 900}
    with session(started, viewport=size, color_scheme=scheme) as profile:
        tab = profile.new_page()
        tab.context.set_offline(True)
        asked, wrong = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda message: wrong.append(message.text))
        tab.goto(page)
        tab.locator(".plot").first.scroll_into_view_if_needed()
        tab.wait_for_selector(TICK, state="attached")
        assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [page]
        assert wrong == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        bright = int(tab.evaluate(PAPER).split("(")[1].split(",")[0]) > 128
        assert bright is (scheme == "light")
        assert is_bright(tab, TICK) is (scheme == "dark")
        tab.emulate_media(color_scheme={"light": "dark", "dark": "light"}[scheme])
        assert eventually(lambda: is_bright(tab, TICK) is (scheme == "light"))
        tab.emulate_media(color_scheme="dark")
        assert eventually(lambda: is_bright(tab, TICK))
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert not is_bright(tab, TICK)


def is_bright(tab, place):
    fill = tab.evaluate(f"getComputedStyle(document.querySelector('{place}')).fill")
    return int(fill.split("(")[1].split(",")[0]) > 128
