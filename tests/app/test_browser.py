"""The dashboard in a real browser: what the test driver of streamlit cannot see."""

from __future__ import annotations

import re
import subprocess
from shutil import which
from urllib.parse import urlsplit

import pytest
from app_runs import write_legible_run
from browsing import CHROMIUM, FLAGS, missing, resident, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "there is one"),
]

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
MENU = "[data-testid=stSidebarNavLink]"
FIGURE = ".js-plotly-plot .main-svg"
PATIENCE = 30_000
SESSIONS = 10
PAGES = {  # name in the address: heading, least figures
    "": ("Side by side", 4),
    "embeddings": ("Embeddings", 1),
    "matrices": ("Matrices", 4),
    "scales": ("Eigen learning rates and scaling factors", 3),
    "training": ("Training", 2),
    "path": ("Path on the hypersphere", 2),
    "export": ("Export", 1),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [write_legible_run(folder / family, family) for family in ("gpt", "ngpt")]


@pytest.fixture(scope="module")
def address(runs, tmp_path_factory):
    root = runs[0].parent
    with served("--root", root, *runs, cache=tmp_path_factory.mktemp("kept")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """Return a page of a browser session of its own."""
    with_downloads = chromium.new_context(
        viewport={"width": 1280, "height": 900}, accept_downloads=True
    )
    page = with_downloads.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    with_downloads.close()


def settle(page):
    """Wait until the page is run to its end and its numbers are there."""
    page.locator(IDLE).wait_for()
    page.get_by_text("being measured").first.wait_for(state="detached")
    page.locator(IDLE).wait_for()


def visit(page, address):
    page.goto(address)
    page.locator("h1").first.wait_for()
    settle(page)


def shown(page):
    """Return what is wrong with a page in front of us: nothing, we hope."""
    assert page.locator("[data-testid=stException]").count() == 0


def test_every_page_by_its_link_in_the_menu(page, address):
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    visit(page, address)
    links = page.locator(MENU)
    assert links.count() == len(PAGES)
    for place, (name, (heading, figures)) in enumerate(PAGES.items()):
        links.nth(place).click()
        page.get_by_role("heading", name=heading, exact=True, level=1).wait_for()
        settle(page)
        page.wait_for_function(
            f"document.querySelectorAll('{FIGURE}').length >= {figures}", timeout=PATIENCE
        )
        shown(page)
        assert urlsplit(page.url).path.strip("/") == name
        assert unnamed(page) == []
    assert complaints == []


def unnamed(page):
    """Return the figures and tables that a screen reader has no name for."""
    return page.evaluate(
        """() => [...document.querySelectorAll(
            '[data-testid=stPlotlyChart], [data-testid=stDataFrame]')].filter(each => {
              const named = [each, each.parentElement, ...each.querySelectorAll('*')];
              return !named.some(e => (e.getAttribute?.('aria-label') || '').length > 10
                || (e.getAttribute?.('alt') || '').length > 10);
            }).map(each => each.outerHTML.slice(0, 200))"""
    )


def test_a_click_on_a_cell_shows_that_matrix_and_the_link_reopens_it(page, address, chromium):
    visit(page, f"{address}/matrices")
    heading = page.get_by_text(re.compile("of layer 1, head 1")).first
    assert not heading.is_visible()
    squares = page.locator(".js-plotly-plot").nth(1).locator(".scatterlayer .points path")
    squares.first.wait_for()
    drawn = page.evaluate(
        """() => {
          const plot = document.querySelectorAll('.js-plotly-plot')[1];
          for (const [trace, data] of plot.data.entries())
            for (const [point, of] of (data.customdata || []).entries())
              if (of && of[1] === 1 && of[3] === 1) {
                const t = plot._fullData[trace], x = t.x[point], y = t.y[point];
                const xa = plot._fullLayout[t.xaxis.replace('x', 'xaxis')];
                const ya = plot._fullLayout[t.yaxis.replace('y', 'yaxis')];
                const box = plot.getBoundingClientRect();
                plot.scrollIntoView({block: 'center'});
                const now = plot.getBoundingClientRect();
                return [now.x + xa._offset + xa.d2p(x), now.y + ya._offset + ya.d2p(y)];
              }
        }"""
    )
    page.mouse.move(*drawn)
    page.mouse.click(*drawn)
    heading.wait_for()
    page.wait_for_url(re.compile("layer=1"))
    settle(page)
    again = chromium.new_page()
    visit(again, page.url)
    again.get_by_text(re.compile("of layer 1, head 1")).first.wait_for()
    shown(again)
    again.context.close()


def test_a_choice_and_an_opened_path_are_in_the_address(page, address, chromium):
    visit(page, f"{address}/embeddings")
    page.get_by_role("radio", name="histogram").click()
    page.wait_for_url(re.compile("view=histogram"))
    box = page.get_by_role("textbox", name="Open a checkpoint or run")
    box.fill("ngpt/step-000010.safetensors")
    box.press("Enter")
    page.get_by_text("step 10").first.wait_for()
    page.wait_for_url(re.compile("open=ngpt"))
    settle(page)
    copied = page.url
    again = chromium.new_page()
    visit(again, copied)
    again.get_by_text("step 10").first.wait_for()
    chosen = again.get_by_role("radio", name="histogram")
    assert chosen.get_attribute("aria-checked") == "true"
    shown(again)
    again.context.close()


def test_a_wrong_path_is_one_sentence(page, address):
    visit(page, address)
    box = page.get_by_role("textbox", name="Open a checkpoint or run")
    box.fill("../../etc/passwd")
    box.press("Enter")
    page.get_by_text("outside the folder this dashboard may open").wait_for()
    shown(page)
    assert page.get_by_role("heading", name="Side by side").is_visible()


def test_a_pdf_comes_down(page, address, tmp_path):
    visit(page, f"{address}/export")
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="PDF").click()
    path = tmp_path / "figure.pdf"
    download.value.save_as(path)
    assert path.read_bytes().startswith(b"%PDF")
    if which("pdfinfo"):
        told = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
        width = float(re.search(r"Page size:\s+([\d.]+)", told)[1])
        assert width == pytest.approx(6.75 * 72, abs=1)
        assert re.search(r"Pages:\s+1\b", told)


def test_on_a_dark_ground(chromium, address):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    visit(page, address)
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert ground == "rgb(15, 20, 25)"
    context.close()


@pytest.mark.slow
def test_ten_at_once(runs, chromium, tmp_path):
    """None fails, nothing is measured twice, and a session costs little memory."""
    with served(*runs, cache=tmp_path) as (address, pid):
        first = chromium.new_page()
        visit(first, address)
        before = resident(pid)
        contexts = [chromium.new_context() for _ in range(SESSIONS)]
        pages = [context.new_page() for context in contexts]
        for each, name in zip(pages, (*PAGES, *PAGES), strict=False):
            each.goto(f"{address}/{name}", wait_until="commit")
        for each in pages:
            each.locator("h1").first.wait_for()
            settle(each)
            shown(each)
        growth = (resident(pid) - before) / SESSIONS / 2**20
        assert growth < 60
        for context in [first.context, *contexts]:
            context.close()
