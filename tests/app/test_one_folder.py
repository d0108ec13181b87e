"""One folder really is one folder: a page dropped into a copy is found everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = '''
"""Norms of the vectors of every matrix, for a test that drops this page into a copy."""

import streamlit as st

from ...blocks.figures import draw_figure
from ...frame.menu import Page
from ...frame.session import current
from ...frame.welcome import draw_welcome


def draw() -> None:
    """Draw one figure."""
    st.title("Dropped in")
    if not current():
        draw_welcome()
        return
    layer = int(st.query_params.get("layer", "0"))
    draw_figure("matrix_vector_norms", current(), options={"role": "W_k", "layer": layer})


PAGE = Page(
    name="dropped",
    title="Dropped in",
    icon="anchor",
    place=5,
    draw=draw,
    details=("unit_norm",),
    address={"layer": "layer"},
    examples=("layer=1",),
)
'''
OWN_TEST = """
def test_the_page_is_the_first_and_details_lead_to_it(run, models):
    offered = run(*models).session_state["menu"]
    assert offered[0][0].name == "dropped"
    assert run(*models).title[0].value == "Dropped in", "a visitor begins here"
    linked = run(*models, page="overview").main.get("page_link")
    assert "dropped" in {each.proto.page or "dropped" for each in linked}
"""


@pytest.fixture
def copy(tmp_path):
    """Copy the dashboard and its tests; the packages below it are those of the repository."""
    ours = shutil.ignore_patterns("__pycache__")
    for folder in ("app", "tests/app"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ours)
    for file in ("pyproject.toml", "tests/conftest.py", "tests/small_models.py"):
        shutil.copy(REPOSITORY / file, tmp_path / file)
    return tmp_path


@pytest.mark.slow
def test_a_dropped_folder_is_in_the_menu_the_links_and_the_generic_tests(copy):
    for place, name, text in (
        ("app/app_pages/dropped", "__init__.py", PAGE),
        ("tests/app/app_pages/dropped", "test_dropped.py", OWN_TEST),
    ):
        (copy / place).mkdir()
        (copy / place / name).write_text(text.lstrip())
    paths = [copy, REPOSITORY, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--run-slow"),
            *("tests/app/test_every_page.py", "tests/app/app_pages/dropped"),
            *("-k", "dropped or menu or click_away"),
        ],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.findall(r"^PASSED \S+::(\S+)", done.stdout, re.M)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(passed) == [
        "test_a_page_and_its_examples_show_both_families_and_a_broken_file_is_a_sentence[dropped]",
        "test_a_page_declares_what_there_is[dropped]",
        "test_details_of_a_reading_are_a_click_away",
        "test_every_folder_is_in_the_menu_at_a_place_of_its_own",
        "test_nothing_open_says_what_to_type[dropped]",
        "test_the_page_is_the_first_and_details_lead_to_it",
    ]
