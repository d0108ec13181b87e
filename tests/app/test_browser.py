"""The dashboard in a real browser: every page, its links, its clicks, its files."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from app_runs import log, write_legible_run, write_run
from browsing import (
    CHARTS,
    FAULTS,
    MENU,
    TABLES,
    addressed,
    browser,
    eventually,
    follow,
    missing,
    served,
    session,
    settle,
)
from exporting import needs_export

from app.app_pages import PAGES
from app.frame.sight import WORDS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]

VIEWPORT = {"width": 1280, "height": 900}
FOCUSED = """() => {
    const at = document.activeElement;
    return (at.closest('label') ?? at).innerText || at.ariaLabel || at.dataset.title || '';
}"""
COUNT = """
window.titles = 0;
document.addEventListener('DOMContentLoaded', () => new MutationObserver(changes => {
    for (const change of changes) for (const node of change.addedNodes)
        titles += node.isConnected && (node.matches?.('.annotation') ?? false);
}).observe(document, {childList: true, subtree: true}));
"""
"""Counts each drawing of a title of a panel: plotly.js makes them anew whenever it draws."""
NORMS = re.compile("^Norms of matrices of")
INCHES = 6.75
POINTS = 72


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a GPT and an nGPT run; a second nGPT run lies beside them for the path box."""
    root = tmp_path_factory.mktemp("runs")
    runs = [write_legible_run(root / family, family) for family in ("gpt", "ngpt")]
    shutil.copytree(runs[1], root / "another")
    cache = tmp_path_factory.mktemp("cache")
    with served(*runs, "--root", root, cache=cache) as (address, _):
        yield address


@pytest.fixture(scope="module")
def profile():
    """Start a browser; yield its profile: a second would load and compile all scripts again."""
    with browser() as started:
        yield session(started, viewport=VIEWPORT, color_scheme="dark")


@pytest.fixture
def visit(profile, address):
    """Return a function that opens a page: always a new session of the dashboard."""
    pages = []

    def visit(path=""):
        pages.append(profile.new_page())
        pages[-1].goto(f"{address}/{path}")
        settle(pages[-1])
        return pages[-1]

    yield visit
    for page in pages:
        page.close()


@pytest.fixture
def reopens(visit, address):
    """Return a function that tells whether the address of a page gives the same view elsewhere."""

    def reopens(page):
        settle(page)
        other = visit(page.url.removeprefix(f"{address}/"))
        assert eventually(lambda: seen(other) == seen(page), other), (seen(other), seen(page))
        return other

    return reopens


def names(page, selector=f"{CHARTS}, {TABLES}, [data-place]"):
    """Return what a screen reader calls the charts and tables of a page, drawn yet or not."""
    told = page.locator(selector).evaluate_all(
        """all => all.map(each => (each.matches('[aria-label]') ? each
            : each.querySelector('[role=region][aria-label], [role=figure][aria-label]')
              ?? each.closest('[role=region][aria-label]'))?.ariaLabel ?? '')"""
    )
    return [each.removesuffix(f" {WORDS}") for each in told]


def seen(page):
    """Return all that tells one view from another."""
    chosen = page.locator("[role=radio][aria-checked=true], input:checked, [aria-pressed=true]")
    typed = page.locator("[data-testid=stMain] input:not([type=checkbox], [type=radio])")
    return (
        page.url,
        page.locator("h1, h2, h3").all_inner_texts(),
        chosen.evaluate_all("all => all.map(each => each.innerText || each.ariaLabel)"),
        typed.evaluate_all("all => all.map(each => each.value)"),
        names(page),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scales", "matrices"])
def test_every_figure_of_a_page_is_drawn_once(profile, visit, address, name):
    visit(name)  # measured by now: nothing takes the place of anything
    page = profile.new_page()
    page.add_init_script(COUNT)
    page.goto(f"{address}/{name}")
    settle(page)
    page.evaluate("() => new Promise(requestIdleCallback)")
    titles = page.locator(f"{CHARTS} .annotation").count()
    assert 0 < titles == page.evaluate("titles")
    page.close()


def typed_in(page, label, text):
    box = page.get_by_role("textbox", name=label, exact=True)
    box.fill(text)
    box.press("Enter")


def click_option(page, text):
    page.get_by_role("radio", name=text, exact=True).first.click()


@pytest.mark.slow
def test_every_page_by_its_link_in_the_menu(visit):
    page = visit()
    said = []
    page.on("console", lambda message: said.append((message.type, message.text)))
    page.on("pageerror", lambda error: said.append(("error", str(error))))
    offered = [each.title for each in PAGES.values()]
    links = page.locator(MENU).all_inner_texts()
    assert [each.splitlines()[-1] for each in links] == offered  # the name of its icon comes first
    for name in [*offered[1:], offered[0]]:
        entries = page.evaluate("history.length")
        follow(page, name)
        assert page.evaluate("history.length") == entries + 1, name
        assert page.locator("h1").count() == 1, name
        assert eventually(lambda: page.locator(f"{CHARTS}, {TABLES}").count() > 0, page), name
        drawn = page.locator(CHARTS).filter(has=page.locator(".js-plotly-plot .main-svg"))
        charts = page.locator(CHARTS)
        assert eventually(lambda a=drawn, b=charts: a.count() == b.count(), page), name
        assert page.locator(FAULTS).count() == 0, name
        # A page that is settled has its names: "Tensors of gpt" is the shortest there is.
        assert all(len(each.split()) >= 3 for each in names(page)), (name, names(page))
    page.go_back()
    addressed(page, f"/{list(PAGES)[-1]}$")
    settle(page)
    assert [text for kind, text in said if kind == "error"] == []
    background = page.locator("[data-testid=stApp]").evaluate(
        "app => getComputedStyle(app).backgroundColor"
    )
    assert max(map(int, re.findall(r"\d+", background)[:3])) < 64


@pytest.mark.slow
def test_a_click_on_a_cell_shows_its_matrix_and_the_link_reopens_it(visit, reopens):
    page = visit("matrices")
    cells = page.locator(CHARTS).nth(0).locator(".nsewdrag")
    cells.first.scroll_into_view_if_needed()
    box = cells.first.bounding_box()
    # Upper right cell of the first panel: W_q of the last layer, the last head.
    cells.first.click(position={"x": box["width"] * 3 / 4, "y": box["height"] / 4})
    addressed(page, "layer=1.*head=1")
    settle(page)
    title = page.get_by_label(re.compile("Condition number.* of W_q of layer 1, head 1"))
    title.first.wait_for()
    reopens(page)


@pytest.mark.slow
def test_a_click_on_a_changed_cell_shows_it_beside_the_map_and_the_link_reopens_it(visit, reopens):
    page = visit("changes?role=W_v&layer=1")
    cells = page.locator(CHARTS).nth(0).locator(".nsewdrag").first
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    cells.click(position={"x": box["width"] / 14, "y": box["height"] * 3 / 4})  # of seven roles
    addressed(page, "layer=0.*role=W_q|role=W_q.*layer=0")
    settle(page)
    page.get_by_label("How W_q of layer 0 changed").first.wait_for()
    reopens(page)


def test_what_draws_figures_is_asked_for_before_there_is_one(visit):
    page = visit("glossary")
    assert not page.locator(CHARTS).count()
    asked = "performance.getEntriesByType('resource').some(e => e.name.includes('PlotlyChart'))"
    assert eventually(lambda: page.evaluate(asked), page)


@pytest.mark.slow
def test_a_click_on_a_row_looks_at_its_token(visit, reopens):
    page = visit("embeddings")
    table = page.get_by_role("region", name=re.compile("Tokens of E_input")).first
    table.scroll_into_view_if_needed()
    before = page.get_by_text(re.compile("^Neighbours of token")).first.inner_text()
    table.click(position={"x": 12, "y": 35 * 3 + 17})  # its third row, at the box that marks it
    addressed(page, r"token=\d+")
    settle(page)
    token = re.search(r"[?&]token=(\d+)", page.url)[1]
    heading = page.get_by_text(re.compile(f"^Neighbours of token {token}"))
    heading.first.wait_for()
    assert heading.first.inner_text() != before
    reopens(page)


def test_a_figure_below_is_drawn_when_it_comes_near_and_again_the_next_time(visit):
    page = visit("matrices")
    places = page.locator("[data-place]")
    for _ in range(2):
        at_first = page.locator(CHARTS).count()
        assert at_first < at_first + places.count() == 7
        page.locator("[data-place='figure matrix_norms']").scroll_into_view_if_needed()
        assert eventually(lambda: any(map(NORMS.match, names(page, CHARTS))), page), names(page)
        assert page.locator(CHARTS).count() > at_first
        follow(page, "Glossary")
        follow(page, "Matrices")
    page.set_viewport_size(VIEWPORT | {"height": 6000})
    assert eventually(lambda: not places.count(), page)


@pytest.mark.slow  # of the menu, `test_every_page_by_its_link_in_the_menu` shows it
def test_one_click_is_one_entry_of_history_and_back_returns(visit):
    page = visit()

    def went(act):
        entries = page.evaluate("history.length")
        act()
        settle(page)
        return page.evaluate("history.length") - entries

    def heads():
        return page.get_by_role("radio", name="heads", exact=True).first

    assert went(lambda: follow(page, "Matrices")) == 1
    assert went(lambda: (heads().click(), addressed(page, "of=heads"))) == 1
    assert went(lambda: follow(page, "Overview")) == 1
    assert went(lambda: follow(page, "Matrices")) == 1
    assert "of=heads" in page.url, "the menu leads back to the same view"

    def back():
        page.go_back()
        settle(page)

    back()
    back()
    addressed(page, "matrices.*of=heads")
    back()
    addressed(page, "matrices$")
    assert eventually(lambda: heads().get_attribute("aria-checked") == "false", page)


@pytest.mark.slow
def test_going_back_before_the_browser_has_heard_of_the_last_click_finds_its_page(profile, address):
    page = profile.new_page()
    held, lines, slow = [], [], False

    def flush():
        while held:
            lines[-1].send(held.pop(0))

    def slowly(line):
        lines.append(line)
        line.connect_to_server().on_message(lambda each: (held.append(each), slow or flush()))

    page.route_web_socket(re.compile("stream"), slowly)
    page.goto(f"{address}/matrices")
    settle(page)
    follow(page, "Glossary")
    for act in (page.locator(MENU).filter(has_text="Overview").click, page.go_back):
        slow, before = True, len(held)
        act()
        assert eventually(
            lambda before=before: (page.wait_for_timeout(1000), len(held) > before)[1]
        )
    slow = False
    flush()
    settle(page)
    assert page.locator("h1").inner_text() == "Matrices"
    page.close()


def open_box(at, page):
    """Open a box to pick from; after a segmented control its first click may only give it focus."""
    options = page.locator("[role=option]")
    while not options.count():
        at.click()
        page.wait_for_timeout(2000)


CONTROLS = {
    "[role=radio][aria-checked=false]": lambda at, page: at.click(),
    "[data-testid=stMain] [data-testid=stCheckbox] label": lambda at, page: at.click(),
    "[data-testid=stMain] [data-testid=stSelectbox] input": lambda at, page: (
        open_box(at, page),
        page.keyboard.press("ArrowDown"),
        page.keyboard.press("Enter"),
    ),
    "[data-testid=stMain] [data-testid=stTextInput] input": lambda at, page: (
        at.fill("the"),
        at.press("Enter"),
    ),
    "[data-testid=stMain] [data-testid=stSlider] input": lambda at, page: at.press("ArrowRight"),
    "[data-testid=stSidebar] [data-testid=stSlider] input": lambda at, page: at.press("ArrowLeft"),
    "[data-testid=stSidebar] button:has-text('visibility')": lambda at, page: at.click(),
    "[data-testid=stSidebar] [data-testid=stColorPickerBlock]": lambda at, page: (
        at.click(),
        page.locator("[data-testid=stColorPickerPopover] input").first.fill("#123456"),
        page.locator("h1").first.click(),
    ),
}
"""What changes the view -> how it is used."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in PAGES if each != "glossary"])
def test_one_back_undoes_what_any_control_did(visit, name):
    page = visit("" if name == next(iter(PAGES)) else name)
    tried = 0
    for selector, use in CONTROLS.items():
        at = page.locator(selector).first
        if not at.count() or not at.is_visible():
            continue
        before = page.url
        use(at, page)
        assert eventually(lambda before=before: page.url != before, page), (name, selector)
        settle(page)
        page.go_back()
        assert eventually(lambda before=before: page.url == before, page), (name, selector)
        settle(page)
        tried += 1
    assert tried


@pytest.mark.slow
def test_choices_are_written_to_the_address_and_reopen(visit, reopens):
    page = visit("matrices")
    plain = seen(page)
    click_option(page, "heads")
    addressed(page, "of=heads")
    page.get_by_text("GPT renormalised").click()
    addressed(page, "renormalised")
    settle(page)
    assert eventually(lambda: seen(page) != plain, page)
    reopens(page)


@pytest.mark.slow
def test_a_prompt_and_a_run_opened_from_the_page_reopen(visit, reopens):
    page = visit("path")
    typed_in(page, "Open a checkpoint or run", "another")
    addressed(page, "open=another")
    settle(page)
    typed_in(page, "Prompt", "So it goes")
    addressed(page, "prompt=So")
    settle(page)
    again = reopens(page)
    again.get_by_label("What another predicts after each block").first.wait_for()


@pytest.mark.slow
def test_a_wrong_path_is_one_sentence_and_the_rest_stays(visit):
    page = visit()
    typed_in(page, "Open a checkpoint or run", "no/such/run")
    warning = page.locator("[data-testid=stMain] [data-testid=stAlert]")
    warning.wait_for()
    settle(page)
    assert "no/such/run" in warning.inner_text()
    words = [line for line in warning.inner_text().splitlines() if line]
    assert len(words) == 2, words  # the icon, and the sentence
    assert "no/such" not in page.url
    assert page.locator(FAULTS).count() == 0
    assert eventually(lambda: page.locator(CHARTS).count() >= 1, page)


@pytest.mark.slow
def test_the_keyboard_reaches_what_can_be_chosen(visit):
    page = visit("matrices")
    reached = []
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1] == "median":
            break
    assert reached.count("Fullscreen") == 2, "one stop a figure, of the two above"
    assert not {"Zoom", "Reset axes"} & set(reached)
    assert "Export" in " ".join(reached)  # the menu comes first
    assert reached[-1] == "median", reached
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    addressed(page, "of=heads")


@pytest.mark.slow
@needs_export
def test_a_pdf_is_as_wide_as_it_says(visit, tmp_path):
    page = visit("export?figure=Condition+numbers+by+layer")
    with page.expect_download() as download:
        page.get_by_role("button", name="PDF").click()
    file = tmp_path / "figure.pdf"
    download.value.save_as(file)
    assert download.value.suggested_filename == "condition_numbers.pdf"
    assert file.read_bytes().startswith(b"%PDF")
    if shutil.which("pdfinfo"):
        told = subprocess.run(["pdfinfo", str(file)], capture_output=True, text=True).stdout
        assert re.search(r"Pages:\s+1\n", told)
        width = float(re.search(r"Page size:\s+([\d.]+) x", told)[1])
        assert width == pytest.approx(INCHES * POINTS, abs=1)


@pytest.mark.slow
def test_a_run_that_trains_is_followed_by_itself(tmp_path, profile):
    run = write_run(tmp_path / "ngpt", "ngpt", done=10, saved=(10,))
    with served(run, cache=tmp_path) as (address, _):
        page = profile.new_page()
        page.goto(f"{address}/training")
        settle(page)
        page.get_by_text(re.compile("step 10 of 40")).first.wait_for()
        log(run, range(11, 16))
        page.get_by_text(re.compile("step 15 of 40")).first.wait_for()
        assert page.locator(FAULTS).count() == 0
