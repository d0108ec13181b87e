"""The command line as a process of its own: what it imports, pipes, signals, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LINE = [sys.executable, "-m", "ngpt_inspect"]
PATIENCE = 300
"""Seconds after which a command hangs: a busy machine takes its time."""


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LINE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
        check=False,
    )


def test_data_on_stdout_notes_on_stderr(layouts: dict[str, Path]) -> None:
    done = run("condition-numbers", layouts["nvidia_ngpt"], "--format", "json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) > 100
    assert done.stderr.splitlines()[0] == "nvidia: 14 of 14 weights measured"
    assert "\x1b" not in done.stdout + done.stderr, "no colours in a pipe"


def test_threshold_and_mistake_and_traceback(layouts: dict[str, Path], tmp_path: Path) -> None:
    done = run("unit-norm", layouts["reference_ngpt"], "--fail-above", "0.01")
    assert done.returncode == 1
    missing = run("unit-norm", tmp_path / "nothing")
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr
    shown = run("unit-norm", tmp_path / "nothing", NGPT_INSPECT_DEBUG="1")
    assert shown.returncode != 0
    assert "Traceback (most recent call last)" in shown.stderr


IMPORTED = """
import sys
from ngpt_inspect.cli import main
sys.argv = ["ngpt-inspect", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = {"torch", "pandas", "scipy", "plotly", "streamlit", "numpy"} & set(sys.modules)
print("IMPORTED", *sorted(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["--version"], set()),
        (["dot-products", "--help"], set()),
        (["tensors", "reference_ngpt"], {"numpy"}),
        (["tensors", "nvidia_ngpt"], {"numpy"}),
        (["tensors", "llama-sharded", "--format", "json"], {"numpy", "pandas"}),
        (["differences", "reference_ngpt", "llama"], {"numpy", "pandas"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_headers_need_no_torch(
    arguments: list[str], allowed: set[str], layouts: dict[str, Path]
) -> None:
    words = [str(layouts.get(word, word)) for word in arguments]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout
    said = done.stderr.splitlines()[-1].split()
    assert said[0] == "IMPORTED"
    assert set(said[1:]) <= allowed


def test_a_reader_that_leaves_early(layouts: dict[str, Path]) -> None:
    """``| head -1``: the rest, far more than a pipe holds, is not wanted."""
    command = [*LINE, "dot-products", str(layouts["llama"]), "--format", "jsonl", "-q"]
    # Unbuffered, Python itself stops at the first short write and raises nothing.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read().decode()
        code = process.wait(timeout=PATIENCE)
    assert json.loads(first)["statistic"] == "quantile"
    assert complaint == ""
    assert code == 0


SLOW_MEASURE = """
import dataclasses, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal; a job in the
# background of a script starts with Ctrl-C ignored
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.cli import main

def wait(*_):
    print("measuring", file=sys.stderr, flush=True)
    time.sleep(600)
    return []

MEASURES["unit_norm"] = dataclasses.replace(MEASURES["unit_norm"], compute=wait)
sys.argv = ["ngpt-inspect", *sys.argv[1:]]
main()
"""


def test_interrupt(layouts: dict[str, Path], tmp_path: Path) -> None:
    saved = tmp_path / "x.csv"
    words = ["unit-norm", str(layouts["llama"]), "-o", str(saved)]
    command = [sys.executable, "-c", SLOW_MEASURE, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("measuring")  # once a worker
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said == ""
    assert "ngpt-inspect: interrupted" in complaint.splitlines()  # workers write, too
    assert "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []
