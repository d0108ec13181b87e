"""The examples are run as a user runs them."""

import json
import runpy
import sys
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from small_models import write_gpt

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def runs(tmp_path):
    """Make two checkpoints where the examples look for them."""
    folders = [tmp_path / "runs" / "demo" / name for name in ("gpt", "ngpt")]
    return [write_gpt(folder / "model.safetensors").parent for folder in folders]


def test_three_lines(runs, tmp_path, monkeypatch):
    saved = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(go.Figure, "write_image", lambda self, path: saved.append((self, path)))
    names = runpy.run_path(str(EXAMPLES / "three_lines.py"))
    assert set(names["table"]["checkpoint"]) == {"gpt", "ngpt"}
    ((figure, path),) = saved
    assert path == "fig5.pdf"
    assert {trace.name for trace in figure.data} == {"gpt", "ngpt"}


@pytest.fixture
def paper_figures(monkeypatch, capsys):
    """Return a function that runs the example with sources; its exit code and what it says."""

    def run(*sources, out):
        words = [*sources, "-o", out, "--formats", "json"]
        monkeypatch.setattr(sys, "argv", ["paper_figures.py", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(EXAMPLES / "paper_figures.py"), run_name="__main__")
        return ended.value.code, *capsys.readouterr()

    return run


def test_paper_figures(runs, paper_figures, tmp_path):
    code, said, complaint = paper_figures(*runs, out=tmp_path / "out")
    assert (code, complaint) == (0, "")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"condition_numbers.json", "condition_numbers.csv", "embeddings.json"} <= written
    assert "learned_scales: nothing to draw" in said
    table = pd.read_csv(tmp_path / "out" / "condition_numbers.csv")
    assert ("condition_number", "median") in {
        *zip(table["measure"], table["statistic"], strict=True)
    }


def test_paper_figures_of_nothing_is_one_line(paper_figures, tmp_path):
    code, _, complaint = paper_figures(tmp_path / "nowhere", out=tmp_path)
    assert code == 2
    assert len(complaint.splitlines()) == 1
    assert "nowhere" in complaint


@pytest.mark.slow
def test_matplotlib_draws_figure_5(runs, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="the extra examples is not installed")
    script = str(EXAMPLES / "matplotlib_condition_numbers.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, *map(str, runs)])
    runpy.run_path(script, run_name="__main__")
    assert capsys.readouterr().err == ""
    written = (tmp_path / "condition_numbers.pdf").read_bytes()
    assert b"/CIDFontType2" in written
    assert b"/Type3" not in written


def test_the_notebook_runs_from_the_first_cell_to_the_last(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    book = json.loads((EXAMPLES / "first_look.ipynb").read_text())
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    names = {}
    for cell in cells:
        exec("".join(cell["source"]), names)
    assert set(names["table"]["checkpoint"]) == {"gpt", "ngpt"}
    assert names["figure"].data
    assert (tmp_path / "report.html").is_file()
