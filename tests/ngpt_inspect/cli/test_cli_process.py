"""The command line as a process of its own: what it imports, pipes, signals, exit codes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ngpt_inspect.cli import main

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


def test_data_on_stdout_notes_on_stderr_and_a_threshold_in_the_exit_code(
    layouts: dict[str, Path],
) -> None:
    words = ("--format", "json", "--fail-above", "0.1")
    done = run("embedding-norms", layouts["nvidia_ngpt"], *words)
    assert done.returncode == 1
    assert len(json.loads(done.stdout)) == 60
    assert done.stderr.splitlines()[0] == "nvidia: 2 of 2 weights measured"
    assert "\x1b" not in done.stdout + done.stderr, "no colours in a pipe"


@pytest.mark.slow
def test_the_traceback_of_a_mistake_is_shown_to_who_asks(tmp_path: Path) -> None:
    shown = run("unit-norm", tmp_path / "nothing", NGPT_INSPECT_DEBUG="1")
    assert shown.returncode != 0
    assert "Traceback (most recent call last)" in shown.stderr


IMPORTED = """
import io, json, sys
from contextlib import redirect_stdout
from ngpt_inspect.cli import main
found = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["ngpt-inspect", *words]
    with redirect_stdout(io.TextIOWrapper(io.BytesIO())) as said:
        try:
            main()
        except SystemExit as stop:
            assert not stop.code, (words, stop.code)
    said.flush()
    assert said.buffer.getvalue(), words
    heavy = {"torch", "pandas", "scipy", "plotly", "streamlit", "numpy", "ngpt_inspect.formats"}
    found.append(sorted(heavy & set(sys.modules)))
print(json.dumps(found))
"""


IN_TEXT = ("csv", "json", "jsonl")
IN_NUMPY = ("eigen-learning-rates", "scaling-factors", "embedding-norms", "vector-norms")


@pytest.mark.slow
def test_a_command_imports_what_it_computes_with(layouts: dict[str, Path]) -> None:
    """What it does not compute with, it does not wait for. One process does all."""
    headers = {"ngpt_inspect.formats"}
    measured = headers | {"numpy"}
    computed = measured | {"torch"}
    framed = computed | {"pandas"}  # torch stays: `test_minimal_environment` holds what needs none
    expected: list[tuple[list[str], set[str]]] = [
        (["--help"], set()),
        (["--version"], set()),
        (["dot-products", "--help"], set()),
        (["tensors", "reference_ngpt"], headers),
        (["tensors", "nvidia_ngpt"], headers),
        *(([name, "reference_ngpt"], measured) for name in IN_NUMPY),
        *((["vector-norms", "llama", "--format", name], measured) for name in IN_TEXT),
        (["condition-numbers", "reference_ngpt"], computed),
        (["vector-norms", "llama", "--fail-above", "1e9"], framed),
        (["tensors", "llama-sharded", "--format", "json"], framed),
        (["differences", "reference_ngpt", "llama"], framed),
    ]
    words = [[str(layouts.get(word, word)) for word in command] for command, _ in expected]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, json.dumps(words)],
        capture_output=True,
        text=True,
        check=True,
    )
    for (command, wanted), imported in zip(expected, json.loads(done.stdout), strict=True):
        assert set(imported) == wanted, command


def test_a_reader_that_leaves_early(layouts: dict[str, Path]) -> None:
    """``| head -1``: the rest, far more than a pipe holds, is not wanted."""
    command = [*LINE, "vector-norms", str(layouts["llama"]), "--format", "jsonl", "-q"]
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
    assert json.loads(first)["checkpoint"] == "llama"
    assert complaint == ""
    assert code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("form", ["table", "csv"])
@pytest.mark.parametrize(
    ("where", "code", "said"), [(">/dev/full", 2, "No space left"), (">&-", 0, ""), ("2>&-", 0, "")]
)
def test_an_output_that_takes_nothing(
    layouts: dict[str, Path], form: str, where: str, code: int, said: str
) -> None:
    words = shlex.join([*LINE, "vector-norms", str(layouts["llama"]), "--format", form, "-q"])
    found = subprocess.run(["sh", "-c", f"{words} {where}"], capture_output=True, text=True)
    assert found.returncode == code, found.stderr
    assert said in found.stderr
    assert found.stderr.count("\n") == bool(said)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no such name")
def test_an_output_that_is_open_goes_on(layouts: dict[str, Path], tmp_path: Path) -> None:
    """``-o /dev/stdout >> log``: what the log holds stays, before and after."""
    words = shlex.join([*LINE, "vector-norms", str(layouts["llama"]), "--format", "csv", "-q"])
    script = f"{{ echo before; {words} -o /dev/stdout; echo after; }} >> log && {words} > alone"
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True)
    alone = (tmp_path / "alone").read_text()
    assert alone.startswith("checkpoint,")
    assert (tmp_path / "log").read_text() == f"before\n{alone}after\n"


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

MEASURES["vector_norms"] = dataclasses.replace(MEASURES["vector_norms"], compute=wait)
sys.argv = ["ngpt-inspect", *sys.argv[1:]]
main()
"""


def test_an_interrupt_while_modules_are_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(ModuleType):
        def __getattr__(self, name: str) -> None:
            raise KeyboardInterrupt

    name = "ngpt_inspect.cli.commands"
    monkeypatch.setitem(sys.modules, name, Interrupted(name))
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "\nngpt-inspect: interrupted\n"


def test_interrupt(layouts: dict[str, Path], tmp_path: Path) -> None:
    saved = tmp_path / "x.csv"
    words = ["vector-norms", str(layouts["llama"]), "-o", str(saved)]
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
