"""What holds of every page there is: these tests follow from the folders of `app.app_pages`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from seen import charts, words
from streamlit.material_icon_names import ALL_MATERIAL_ICONS

from app import app_pages
from app.app_pages import PAGES
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.summary import HEALTH_MEASURES

FOLDERS = sorted(
    each.parent.name for each in Path(app_pages.__file__).parent.glob("[!_]*/__init__.py")
)


TESTED = {each.name for each in Path(__file__).parent.glob("app_pages/*/")} - {"scales"}
"""Pages with tests of their own; one of them stands for them all."""


def test_every_folder_is_in_the_menu_at_a_place_of_its_own(run):
    assert sorted(PAGES) == FOLDERS
    for folder, page in PAGES.items():
        assert page.name == folder, f"{folder}/__init__.py: name the page as its folder"
    shared = [place for place, n in Counter(p.place for p in PAGES.values()).items() if n > 1]
    assert not shared, f"pages share the places {shared} of the menu"
    offered = run().session_state["menu"]
    assert [(page.name, target.title) for page, target in offered] == [
        (name, page.title) for name, page in PAGES.items()
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_declares_what_there_is(name):
    page = PAGES[name]
    assert page.icon in ALL_MATERIAL_ICONS, f"{name}: no symbol is called {page.icon!r}"
    unknown = set(page.details) - set(MEASURES)
    assert not unknown, f"{name}: details of {unknown}, which are no measures"
    unknown = set(page.address) - {"checkpoint", "role", "layer", "head", "order"}
    assert not unknown, f"{name}: the address cannot say {unknown}"
    module = Path(app_pages.__file__).parent / name / "__init__.py"
    assert module.read_text().startswith('"""'), f"{name}: say in a docstring what it shows"


@pytest.mark.parametrize("name", PAGES)
def test_nothing_open_says_what_to_type(name, run):
    app = run(page=name)
    assert len(app.title) == 1
    assert "ngpt-inspect dashboard runs/demo/gpt" in words(app)
    assert not charts(app)


@pytest.fixture(scope="module")
def broken(legible_runs, tmp_path_factory):
    """Write the beginning of a checkpoint. Read only."""
    path = tmp_path_factory.mktemp("broken") / "broken.safetensors"
    path.write_bytes((legible_runs[0] / "step-000020.safetensors").read_bytes()[:100])
    return path


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in TESTED)) for n in PAGES]
)
def test_a_page_and_its_examples_show_both_families_and_a_broken_file_is_a_sentence(
    name, run, legible_runs, broken
):
    def shown(query):
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        app = run(broken, *legible_runs, page=name, **asked)
        assert len(app.title) == 1
        assert charts(app) or app.dataframe
        assert all(len(each.proto.alt) > len("Embeddings of gpt") for each in charts(app))
        assert all("broken" not in each.proto.alt for each in charts(app))
        assert len(app.warning) == 1
        assert "broken.safetensors" in app.warning[0].value
        assert "Traceback" not in words(app)
        return (
            [each.proto.spec for each in charts(app)],
            words(app),
            [each.value.to_csv() for each in app.dataframe],
        )

    plain = shown("")
    for query in PAGES[name].examples:
        assert shown(query) != plain, f"{name}: {query!r} shows nothing else than the page itself"


def test_details_of_a_reading_are_a_click_away(run, models):
    """The table of health links each reading to the page that declares its measure."""
    app = run(*models, page="overview")
    first = next(iter(PAGES))
    linked = {each.proto.page or first for each in app.main.get("page_link")}
    showing = ([n for n, page in PAGES.items() if name in page.details] for name in HEALTH_MEASURES)
    assert linked == {names[0] for names in showing if names}
