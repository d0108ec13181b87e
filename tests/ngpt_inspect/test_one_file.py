"""One file really is one file: a measure and a figure dropped into a copy are found everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MEASURE = '''
"""How evenly the embeddings lie on the sphere, for a test that drops this file into a copy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Followed, Known, Measure, Values, View
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the evenness of the rows."""
    import torch

    from ngpt_inspect.numerics.directions import unit_rows
    from ngpt_inspect.numerics.finite import require_finite

    values = weight.values(device)
    require_finite(values)
    unit, _ = unit_rows(values)
    potential = (-2 * torch.pdist(unit) ** 2).exp().mean().log()
    yield Values(measure="evenness", value=float(potential))


MEASURE = Measure(
    name="evenness",
    title="Evenness",
    summary="how evenly the directions of the embeddings cover the sphere",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    quantities={"evenness": "ln of the mean of exp(−2 ‖x − y‖²) over pairs of unit rows"},
    headline=Series("evenness"),
    shown=(Series("evenness"),),
    view=View.ROLES,
    followed={"evenness": Followed(series=Series("evenness"), label="evenness")},
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((1, 0), (0, 3), (-2, 0)),
            values={"evenness": math.log((2 * math.exp(-4) + math.exp(-8)) / 3)},
        ),
    ),
    source="Wang and Isola, arXiv 2005.10242, equation 2",
    usual="below zero",
    alarming="near zero: all rows are one direction",
    random="about −4",
)
'''
FIGURE = '''
"""Evenness of both embeddings, for a test that drops this file into a copy."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, value_axis
from ngpt_inspect.figures.drawing.dots import draw_beside
from ngpt_inspect.vocabulary import EMBEDDINGS, Series


def draw(table: Frame, *, width: int = TWO_COLUMNS) -> Drawing:
    """Draw one dot a checkpoint and embedding."""
    rows = CutTable(table, [Series("evenness")])
    there = rows.present(EMBEDDINGS)
    names = Axis(names=[role.facts.symbol for role in there])
    panel = Panel(title="evenness", x=names, y=value_axis())
    board = Board(rows, EMBEDDINGS, [[panel]], width)
    draw_beside(board, panel, there, "evenness", "evenness")
    return board.finish()


FIGURE = Figure(
    name="evenness",
    title="Evenness",
    summary="Evenness of the input and output embeddings, a dot a checkpoint.",
    needs=("evenness",),
    draw=draw,
    formula="ln of the mean of exp(−2 ‖x − y‖²) over pairs of unit rows",
    source="Wang and Isola, arXiv 2005.10242, equation 2",
)
'''
FACE = """
import ngpt_inspect as ni
from models import tiny_gpt, tiny_ngpt, write_reference


def pair(folder):
    return [
        write_reference(model, folder / f"{model.family}.safetensors")
        for model in (tiny_gpt(), tiny_ngpt())
    ]


def test_dropped_subcommand_with_its_help_and_rows(cli, tmp_path):
    assert "evenness" in cli("--help").stdout
    told = " ".join(cli("evenness", "--help").stdout.split())
    assert "how evenly the directions of the embeddings cover the sphere" in told
    assert "Wang and Isola, arXiv 2005.10242, equation 2" in told
    printed = cli("evenness", *pair(tmp_path)).stdout
    assert printed.count("E_input") == printed.count("E_output") == 2


def test_dropped_table_and_figure(tmp_path):
    table = ni.measure(pair(tmp_path), "evenness")
    assert table["role"].tolist() == ["E_input", "E_output"] * 2
    drawn = [y for trace in ni.figure("evenness", table=table).data for y in trace.y]
    assert set(table["value"]) <= set(drawn)
"""
DASHBOARD = """
from seen import charts


def test_dropped_choices_of_the_dashboard(run, models):
    options = {"figure": "Through training", "trajectories-quantity": "evenness"}
    app = run(models[1], page="export", **options)
    assert "Evenness" in app.selectbox(key="figure").options
    assert app.selectbox(key="trajectories-quantity").value == "evenness"
    assert len(charts(app)) == 1
"""


@pytest.fixture
def copy(tmp_path):
    """Copy code, documents and tests; what else documents quote is that of the repository."""
    ours = shutil.ignore_patterns("images")  # with what is compiled: it is not done again
    for folder in ("app", "ngpt_inspect", "docs", "tests/app", "tests/ngpt_inspect"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ours)
    shared = (path.relative_to(REPOSITORY) for path in (REPOSITORY / "tests").glob("*.py"))
    for file in ("pyproject.toml", "README.md", *shared):
        shutil.copy(REPOSITORY / file, tmp_path / file)
    for folder in ("results", "reference_model"):
        (tmp_path / folder).symlink_to(REPOSITORY / folder)
    return tmp_path


DOCUMENTS_AND_TESTS = """
import os, sys
sys.path.insert(0, os.path.abspath("docs"))
import generate, pytest
asked = ("numbers.md", "table.md")  # all of them take longer than the tests
generate.DOCUMENTS = [each for each in generate.DOCUMENTS if each.name in asked]
generate.main([])
sys.exit(pytest.main(sys.argv[1:]))
"""


def run_in(copy: Path, *arguments: str) -> str:
    """Run Python in the copy; return all that is printed."""
    paths = [copy, REPOSITORY, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def outcomes(copy: Path, *chosen: str, documents: bool = True) -> tuple[list[str], list[str], str]:
    """Return the tests that pass in the copy, those that fail, and all that is printed.

    The documents are written first, in the same process, unless they are to be out of date.
    """
    program = ("-c", DOCUMENTS_AND_TESTS) if documents else ("-m", "pytest")
    printed = run_in(copy, *program, "-q", "-rA", "-p", "no:cacheprovider", *chosen)
    passed, failed = (
        re.findall(rf"^{word} \S+::(\S+)", printed, re.MULTILINE) for word in ("PASSED", "FAILED")
    )
    return passed, failed, printed


GENERIC = (
    "tests/ngpt_inspect/measures/test_every_measure.py",
    "tests/ngpt_inspect/measures/test_unmeasurable_tensors.py",
    "tests/ngpt_inspect/figures/test_figures.py",
)
FILES = {
    "ngpt_inspect/measures/evenness.py": MEASURE,
    "ngpt_inspect/figures/evenness.py": FIGURE,
    "tests/ngpt_inspect/test_dropped.py": FACE,
    "tests/app/test_dropped_choice.py": DASHBOARD,
}


def drop(copy: Path) -> None:
    for place, text in FILES.items():
        (copy / place).write_text(text.lstrip(), encoding="utf-8")


def test_a_dropped_measure_and_its_figure_are_found_everywhere(copy):
    drop(copy)
    own = ("tests/ngpt_inspect/test_dropped.py", "tests/app/test_dropped_choice.py")
    quick = "test_dropped or evenness and (lacks or known_weight)"
    passed, failed, printed = outcomes(copy, *own, GENERIC[0], "-k", quick)
    for document, line in {
        "docs/numbers.md": "| `evenness` | ln of the mean of exp(−2 ‖x − y‖²) over ",
        "docs/table.md": "| `evenness` | E_input E_output | `evenness` |",
    }.items():
        assert line in (copy / document).read_text(encoding="utf-8"), printed
    assert not failed, printed
    assert sorted(passed) == [
        "test_a_declaration_lacks_nothing[evenness]",
        "test_a_known_weight_gives_its_known_answer[evenness-0]",
        "test_dropped_choices_of_the_dashboard",
        "test_dropped_subcommand_with_its_help_and_rows",
        "test_dropped_table_and_figure",
    ], printed


@pytest.mark.slow
def test_all_generic_tests_take_what_is_dropped(copy):
    drop(copy)
    words = "evenness or everything_in_bfloat16"
    passed, failed, printed = outcomes(copy, *GENERIC, "--run-slow", "-k", words)
    assert not failed, printed
    assert {
        "test_rows_are_what_is_declared[reference_ngpt-evenness]",
        "test_everything_in_bfloat16[ngpt]",
        "test_draws_or_says_why_not[evenness-two]",
        "test_every_choice_draws_something_else_than_the_default[trajectories-quantity-evenness]",
    } <= set(passed), printed


@pytest.mark.slow
def test_a_measure_without_a_known_answer_is_told_where_to_put_it(copy):
    known = MEASURE[MEASURE.index("    known=") : MEASURE.index("    source=")]
    text = MEASURE.replace(known, "").lstrip()
    (copy / "ngpt_inspect/measures/evenness.py").write_text(text, encoding="utf-8")
    passed, failed, printed = outcomes(copy, GENERIC[0], "-k", "evenness", documents=False)
    rows = "test_rows_are_what_is_declared[reference_ngpt-evenness]"
    assert rows in passed, "and needs no figure"
    assert failed == [
        "test_a_declaration_lacks_nothing[evenness]",
        "test_quantities_are_documented[evenness]",
    ]
    missing = "ngpt_inspect/measures/evenness.py: no known answer for evenness: add to `known="
    assert missing in printed
    assert "docs/table.md has no evenness: `make docs` writes it" in printed
