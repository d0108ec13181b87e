"""The wheel, installed where there is no repository: all that the README promises works there."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from browsing import await_health, free_port

REPOSITORY = Path(__file__).parents[2]
TRAINING = (
    *("--model", "ngpt", "--tokenizer", "bytes", "--steps", "2", "--batch-size", "2"),
    *("--context-length", "16", "--validation-every", "2"),
)
EVERY_COMMAND = """
import json, sys
from typer.main import get_command
from typer.testing import CliRunner
from ngpt_inspect.cli.commands import app

run, trace = sys.argv[1:]
more = {"differences": [run, f"{run}/step-000002.safetensors"], "path": [trace]}
more |= {"neighbours": [run, "--token", "5"], "env": [], "skill": [], "watch": [run, "--once"]}
more |= {"trace": [run, "--prompt", "x"], "export": [run, "--to", "tensorboard", f"{run}-events"]}
for name in get_command(app).commands:
    asked = [[name, "--help"]] + [[name, *more.get(name, [run])]] * (name != "dashboard")
    for words in asked:
        done = CliRunner().invoke(app, words)
        print(json.dumps([words, done.exit_code, len(done.stdout), done.stderr]))
"""
REFUSED = {
    "experts": "nothing measured",  # this model has none
    "changes": "ngpt: one checkpoint has not changed",
    "export": "TensorBoard needs tensorboard",
    "trace": "trace: transformers is not installed",
}
"""What may not be there, said in one line."""
EVERY_PAGE = """
import json, sys
from pathlib import Path
import ngpt_inspect
from ngpt_inspect.app.app_pages import PAGES
from ngpt_inspect.app.engine import answers
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

answers.PATIENCE = 600  # pages are whole at once
script = Path(ngpt_inspect.__file__).parent / "app" / "dashboard.py"
sys.argv = [str(script), *sys.argv[1:]]
for name in PAGES:
    app = AppTest.from_file(str(script), default_timeout=600)
    app._page_hash = calc_hash(name)
    app.query_params["prompt"] = "So it goes"
    app.run()
    print(json.dumps([name, len(app.exception), len(app.title), len(app.get("plotly_chart"))]))
"""
WHERE = """
import json, ngpt_inspect, reference_model, ngpt_inspect.app
from importlib.util import find_spec
files = [ngpt_inspect.__file__, reference_model.__file__, ngpt_inspect.app.__file__]
print(json.dumps([files, find_spec("app") is None]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel as pip does, which fetches the build backend if it is not there."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*pip, str(REPOSITORY)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into a new environment; its dependencies are those of this one.

    They come through a `.pth` file: folders named there come last, and their own `.pth` files,
    that of an editable install above all, are not read.
    """
    home = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(home, with_pip=False)
    here = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
    python = Path(sysconfig.get_path("scripts", vars={"base": str(home)})) / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    (Path(here) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="module")
def call(installed, tmp_path_factory):
    """Return a function that runs Python of that environment in an empty folder."""
    away = tmp_path_factory.mktemp("away")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"NGPT_INSPECT_CACHE": str(away / "cache")}

    def call(*words):
        done = subprocess.run(
            [str(installed), *map(str, words)],
            cwd=away,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="module")
def run(call, tmp_path_factory):
    """Train for two steps with the installed package; return the folder of the run."""
    folder = tmp_path_factory.mktemp("runs") / "ngpt"
    call("-m", "reference_model.train", *TRAINING, "--out", folder)
    return folder


def test_the_dashboard_imports_itself_relatively():
    """Whatever its package is called: `app` in a clone, `ngpt_inspect.app` in the wheel."""
    absolute = [
        f"{file.name}:{node.lineno}"
        for file in (REPOSITORY / "app").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        if name.partition(".")[0] == "app"
    ]
    assert absolute == []


@pytest.mark.slow
def test_the_wheel_takes_two_names_and_no_common_one(wheel):
    names = {each.partition("/")[0] for each in zipfile.ZipFile(wheel).namelist()}
    assert {each for each in names if not each.endswith(".dist-info")} == {
        "ngpt_inspect",
        "reference_model",
    }


@pytest.mark.slow
def test_no_repository_is_in_sight(call, installed):
    files, free = json.loads(call("-c", WHERE))
    assert all(Path(each).is_relative_to(installed.parents[1]) for each in files), files
    assert free, "the name app is left to others"


@pytest.mark.slow
def test_every_command_of_the_wheel_explains_itself_and_works(call, run):
    trace = run.parent / "trace.safetensors"
    call("-m", "reference_model.trace", run, "--prompt", "So it goes", "-o", trace)
    said = [json.loads(line) for line in call("-c", EVERY_COMMAND, run, trace).splitlines()]
    assert len(said) > 20
    failed = {words[0]: error for words, code, _, error in said if code != 0}
    assert failed.keys() <= REFUSED.keys(), failed
    for name, error in failed.items():
        assert error.startswith(f"ngpt-inspect: {REFUSED[name]}")
        assert error.count("\n") == 1


@pytest.mark.slow
def test_every_page_of_the_wheel_is_drawn(call, run):
    shown = [json.loads(line) for line in call("-c", EVERY_PAGE, run).splitlines()]
    assert [each[:3] for each in shown] == [[each[0], 0, 1] for each in shown]
    bare = {name for name, *_, charts in shown if not charts}
    assert bare == {"changes", "glossary"}  # of one checkpoint


@pytest.mark.slow
def test_the_server_of_the_wheel_answers(installed, run, tmp_path):
    port, log = free_port(), tmp_path / "log"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [str(installed.with_name("ngpt-inspect")), "dashboard", "--port", str(port), str(run)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out)
    try:
        await_health(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM
