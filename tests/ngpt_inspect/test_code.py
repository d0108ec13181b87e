"""The code of a figure draws that figure: both ways are run, and compared with the figure."""

import hashlib
import json
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
import trace_files
from models import tiny_gpt, tiny_ngpt, write_reference
from results_files import (
    answers,
    both_families,
    evaluated,
    exposed,
    family_rows,
    timings,
    write_rows,
)
from typer.testing import CliRunner

from ngpt_inspect import FIGURES, figure
from ngpt_inspect.cli.commands import app
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.plotting import code_for

AWKWARD = 'it\'s a "pair" $HOME'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two checkpoints under an awkward name, a run, and training results."""
    folder = tmp_path_factory.mktemp("code")
    for name, model in (("gpt", tiny_gpt()), ("-ngpt", tiny_ngpt())):
        (folder / AWKWARD).mkdir(exist_ok=True)
        write_reference(model, folder / AWKWARD / f"{name}.safetensors")
    run = folder / "run"
    run.mkdir()
    for step in (100, 200):
        write_reference(tiny_ngpt(seed=step), run / f"step-000{step}.safetensors")
    losses = {"train_loss": 4.0, "validation_loss": 4.1, "learning_rate": 0.01, "seconds": 1.0}
    lines = [losses | {"step": n, "tokens": 640 * n, "gradient_norm": 1.0} for n in range(1, 201)]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    trace_files.write(folder / "trace.safetensors")
    results = folder / "results"
    results.mkdir()
    write_rows(results / "speed_up.csv", both_families(2.0))
    rates = [family_rows(f, (100,), learning_rate=r) for f in ("GPT", "nGPT") for r in (0.01, 0.02)]
    write_rows(results / "learning_rates.csv", [row for rows in rates for row in rows])
    rows = [evaluated(seed, "held-out", n, 3.0, 0.01, f) for seed, n, f in LENGTHS]
    write_rows(results / "longer_context.csv", rows)
    write_rows(results / "step_time.csv", timings({"GPT": [1.0, 1.1], "nGPT": [1.5, 1.6]}))
    for name in ("decay_exposure", "paper_length", "heads_and_depth"):
        write_rows(results / f"{name}.csv", exposed())
    write_rows(results / "downstream_tasks.csv", answers())
    return folder


LENGTHS = [(s, 64 * n, f) for s in (0, 1) for n in (1, 2) for f in ("GPT", "nGPT")]


@pytest.fixture
def here(folder, monkeypatch, tmp_path):
    """Work in that folder, with relative paths as somebody would type them."""
    monkeypatch.chdir(folder)
    return [f"{AWKWARD}/gpt.safetensors", f"{AWKWARD}/-ngpt.safetensors"]


def by_python(code):
    """Run the script here, and return what it drew."""
    names = {}
    exec(code.python, names)
    return names["figure"].to_json()


def by_shell(code, name):
    """Run the command as a shell would cut it, in this process; return the JSON it wrote.

    None where it says that there is nothing to draw: it writes no empty figure.
    """
    path = Path(f"figures/{name}.json")
    path.unlink(missing_ok=True)  # of another test
    program, *words = shlex.split(code.shell.replace("\\\n", ""))
    assert program == "ngpt-inspect"
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    if f"{name}: nothing to draw" in result.stdout:
        assert not path.exists()
        return None
    return path.read_text()


def choices(name):
    """Return for each option of a figure the last value it offers; a role that is there."""
    of = {"layer": 1, "head": 1, "context": 64, "token": 1}
    chosen = {
        each.name: each.values[-1] if each.values else of[each.name] for each in options(name)
    }
    return chosen | ({"role": "s_nu"} if name == "coordinates" else {})


def options(name):
    return FIGURES[name].options


@pytest.fixture
def told(monkeypatch):
    """Let figures draw what they are given, as text: the same is the same figure, only faster."""

    def drawing(table, **look):
        plain = table.astype(object).where(table.notna(), None)  # as much can be hashed
        rows = pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes()
        told = {"look": dict(sorted(look.items())), "rows": hashlib.sha256(rows).hexdigest()}
        known = {key: table.attrs[key] for key in ("settings", "remarks") if key in table.attrs}
        named = [facts["label"] for facts in table.attrs.get("checkpoints", [])]
        meta = {"notes": [], "attrs": known, "named": named} | told
        return go.Figure(go.Scatter(x=[0], y=[len(table)]), {"width": look["width"], "meta": meta})

    for name, each in FIGURES.items():
        monkeypatch.setitem(FIGURES, name, replace(each, draw=drawing))


def sources(name, here):
    if FIGURES[name].results == "path":
        return ["trace.safetensors"]
    if FIGURES[name].over_steps or FIGURES[name].results == "training_curves":
        return ["run"]
    if FIGURES[name].results == "changes":
        return here
    return ["results"] if FIGURES[name].results else here


def _one_of_a_kind():
    """Return all figures; of those from such sources, with and without options, one is not slow."""
    first = {}
    for name, each in FIGURES.items():
        kind = (bool(each.options), each.over_steps, bool(each.results))
        marks = [pytest.mark.slow] * (first.setdefault(kind, name) != name)
        yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [*_one_of_a_kind()])
def test_both_ways_give_a_figure_the_same_rows_and_choices(here, told, name):
    code = code_for(name, sources(name, here), width=400, options=choices(name), kind="json")
    drawn = by_python(code)
    assert by_shell(code, name) == drawn == Path(f"{name}.json").read_text()
    found = json.loads(drawn)
    assert found["layout"]["meta"]["look"] == choices(name) | {"width": 400}
    assert found["data"][0]["y"] != [0]


def draws_alike(name, here, width, options):
    code = code_for(name, sources(name, here), width=width, options=options, kind="json")
    wanted = figure(name, sources(name, here), width=width, **options)
    assert by_python(code) == wanted.to_json()
    assert by_shell(code, name) == (wanted.to_json() if wanted.data else None)


def test_both_ways_draw_the_figure(here):
    draws_alike("queries_and_keys", here, "one", choices("queries_and_keys"))


@pytest.mark.slow
@pytest.mark.parametrize("width", ["one", "two"])
@pytest.mark.parametrize("name", FIGURES)
def test_both_ways_draw_every_figure(here, name, width):
    draws_alike(name, here, width, choices(name))
    whole = {each.name: choices(name)[each.name] for each in options(name) if not each.values}
    draws_alike(name, here, width, whole)


def test_layers_roles_steps_and_settings_of_measures_are_told(here, told):
    chosen = {"layers": [1], "roles": ["W_q", "W_o"]}
    code = code_for("singular_values", ["run"], steps="200,100", width=400, kind="json", **chosen)
    files = ["run/step-000200.safetensors", "run/step-000100.safetensors"]
    wanted = figure("singular_values", files, width=400, **chosen).to_json()
    assert by_python(code) == by_shell(code, "singular_values") == wanted
    settings = {"exact": True, "bins": 7, "view": "histogram"}
    code = code_for("embeddings", ["run"], width=400, steps="all", options=settings, kind="json")
    wanted = figure("embeddings", sorted(files), width=400, **settings).to_json()
    assert by_python(code) == by_shell(code, "embeddings") == wanted
    plain = figure("embeddings", sorted(files), width=400, view="histogram")
    assert plain.to_json() != wanted


def test_the_command_means_the_same_to_a_real_shell_and_writes_the_table(here, tmp_path):
    code = code_for("eigen_learning_rates", here, kind="json")
    program = tmp_path / "ngpt-inspect"
    program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["/bin/sh", "-c", code.shell],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert CliRunner().invoke(app, told.stdout.split("\0")[:-1]).exit_code == 0
    wanted = figure("eigen_learning_rates", here).to_json()
    assert Path("figures/eigen_learning_rates.json").read_text() == wanted
    assert ",eigen_learning_rate,mean," in Path("figures/eigen_learning_rates.csv").read_text()


def test_nothing_that_is_the_default_is_said(here):
    told = {"view": "rank", "dots": "raw", "exact": False}
    code = code_for("embeddings", ["runs/gpt"], width="two", options=told)
    assert code.python == (
        "import ngpt_inspect as ni\n"
        "\n"
        'figure = ni.figure("embeddings", "runs/gpt")\n'
        'ni.save_figure(figure, "embeddings.pdf")\n'
    )
    assert code.shell == "ngpt-inspect figures runs/gpt --names embeddings --formats pdf\n"


def test_a_path_is_one_word_to_the_shell_and_no_option(monkeypatch, folder):
    monkeypatch.chdir(folder)
    code = code_for("unit_norm", ["-x; rm *", "line\nbreak"])
    assert "'./-x; rm *'" in code.shell
    assert shlex.split(code.shell)[2:4] == ["./-x; rm *", "line\nbreak"]
    assert "[\"-x; rm *\", 'line\\nbreak']" in code.python


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"figure_name": "pie"}, "no figure 'pie'"),
        ({"options": {"colour": "red"}}, "no option colour"),
        ({"width": "three"}, "width 'three'"),
        ({"steps": "7"}, "no step 7"),
    ],
)
def test_what_cannot_be_drawn_has_no_code(here, words, message):
    with pytest.raises(WrongOption, match=message):
        code_for(**{"figure_name": "unit_norm", "sources": ["run"]} | words)
