"""Wrong use and unreadable input: one line that says what, where and what to do; exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from models import tiny_gpt, write_reference

from ngpt_inspect.measures import MEASURES

Cli = Callable[..., Result]


def assert_refused(result: Result, *parts: str) -> None:
    assert result.exit_code == 2, (result.exit_code, result.stderr)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("ngpt-inspect: ")
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize("command", ["tensors", "unit-norm", "summary"])
def test_an_input_that_cannot_be_read(command: str, cli: Cli, tmp_path: Path) -> None:
    """What is said of each kind of it, the tests of the formats know."""
    (tmp_path / "x.bin").write_bytes(b"noise" * 20)
    assert_refused(cli(command, tmp_path / "x.bin"), "no checkpoint format", str(tmp_path), "; ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layers", "7"), "llama: no layer 7; layers are 0 to 1"),
        (("--layers", "one"), "--layers: 'one' names no layers; say 0-3,7"),
        (("--layers", "1-0"), "--layers: '1-0' names no layers; say 0-3,7"),
        (("--layers", "-1"), "--layers: '-1' names no layers; say 0-3,7"),
        (("--layers", "0-99999999999"), "'0-99999999999' names no layers"),
        (("--roles", "W_x"), "no role 'W_x'; there are E_input, E_output, W_q"),
        (("--roles", "s_z"), "condition-numbers does not measure s_z; it measures W_q, W_k"),
        (("--roles", ","), "no roles are named"),
        (
            ("--format", "xml"),
            "--format: no format 'xml'; there are table, csv, json, jsonl, parquet",
        ),
        (("--format", "jsn"), "no format 'jsn'; did you mean json or jsonl? there are table"),
        (("--roles", "W_Q"), "no role 'W_Q'; did you mean W_q? there are E_input"),
        (("--device", "abacus"), "no device 'abacus' here; say cpu, or cuda for a GPU"),
        (("--device", "gpu"), "no device 'gpu' here; say cpu, or cuda for a GPU"),
        (("--layers", "0-"), "--layers: '0-' names no layers; say 0-3,7"),
        (("--fail-above", "nan"), "NaN is above and below nothing"),
        (("--heads", "3"), "is [16, 16], not [d_model, n_heads*d_k]"),
        (("--heads", "0"), "0 heads; give at least 1, or leave it out"),
        (("--alpha-init", "0.1"), "llama has no constant alpha_init"),
        (("-o", "missing/folder/x.csv"), "cannot be written"),
    ],
)
def test_options(
    options: tuple[str, str], message: str, layouts: dict[str, Path], cli: Cli
) -> None:
    result = cli("condition-numbers", layouts["llama"], "-q", *options)
    assert_refused(result, message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("neighbours", "--token", "def"), "llama: no token 'def' (no tokenizer.json"),
        (("tokens", "--unused", "many"), "unused is 'many'; give token ids"),
        (("tokens", "--threshold", "nan"), "threshold is nan; give a number"),
        (("tokens", "--order", "nearst"), "no order 'nearst'; did you mean nearest? there are"),
        (("tokens", "--search", "nowhere"), "no token holds 'nowhere'"),
        (("tokens", "--roles", "W_q"), "does not measure W_q"),
        (("tokens", "--format", "xml"), "no format 'xml'"),
        (("figures", "--formats", "jpg"), "no figure format 'jpg'; there are html, pdf"),
        (("figures", "--formats", "htm"), "no figure format 'htm'; did you mean html?"),
        (("figures", "--formats", ","), "nothing to draw is named"),
        (("figures", "--names", "embedding"), "did you mean embeddings or embedding_norms?"),
        (("figures", "--width", "three"), "width 'three'"),
        (("figures", "--set", "histogram"), "'histogram' sets nothing; say NAME=VALUE"),
        (("figures", "--set", "vieww=rank"), "no figure here has an option vieww; did you mean"),
        (("eigen-learning-rates", "--constant", "alpha_int=1"), "has no constant alpha_int"),
    ],
)
def test_words_that_mean_nothing_are_one_line_with_what_may_be_meant(
    words: tuple[str, ...], message: str, layouts: dict[str, Path], cli: Cli
) -> None:
    command, *options = words
    assert_refused(cli(command, layouts["llama"], *options), message)


@pytest.mark.parametrize(
    "arguments",
    [
        ("condition-numbers",),
        ("condition-number", "x"),
        ("condition-numbers", "x", "--fail-above", "many"),
        ("condition-numbers", "x", "--nonsense"),
        ("dot-products", "x", "--bins", "few"),
    ],
)
def test_wrong_use_of_the_command_line(arguments: tuple[str, ...], cli: Cli) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_wrong_options_are_noticed_before_anything_is_measured(
    layouts: dict[str, Path], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    def unwanted(*_: object) -> list[object]:
        pytest.fail("measured before the options were checked")

    measure = replace(MEASURES["condition_numbers"], compute=unwanted)
    monkeypatch.setitem(MEASURES, "condition_numbers", measure)
    for options in (("--format", "xml"), ("--figure", "x.gif"), ("--layers", "9")):
        assert_refused(cli("condition-numbers", layouts["llama"], *options))


def test_a_fault_of_ours_is_one_line_and_code_3(
    layouts: dict[str, Path], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    def fail(*_: object) -> list[object]:
        raise RuntimeError("first line\nsecond line")

    measure = replace(MEASURES["condition_numbers"], compute=fail)
    monkeypatch.setitem(MEASURES, "condition_numbers", measure)
    result = cli("condition-numbers", layouts["llama"])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == (
        "ngpt-inspect: a fault of ours: RuntimeError: first line; "
        "NGPT_INSPECT_DEBUG=1 shows where\n"
    )
    monkeypatch.setenv("NGPT_INSPECT_DEBUG", "1")
    raised = cli("condition-numbers", layouts["llama"])
    assert isinstance(raised.exception, RuntimeError)


def test_strict_json_even_for_strange_names(cli: Cli, tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / 'a "quoted"\tname\u2028.safetensors')
    rows = json.loads(cli("unit-norm", path, "--format", "json").stdout)
    assert rows[0]["checkpoint"] == 'a "quoted"\tname\u2028'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("watch", "x", "--every", "0"), "see `ngpt-inspect watch --help`"),
        (("trace", "x"), "Missing option '--prompt'; see `ngpt-inspect trace --help`"),
        (("sumary",), "see `ngpt-inspect --help`"),
        (("check", "--formt", "json"), "No such option: --formt"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_where_to_look(cli, words, said):
    done = cli(*words)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("ngpt-inspect: ")
    assert said in done.stderr


def test_ctrl_c_leaves_nothing_of_a_file_that_is_being_written(tmp_path):
    """Killed between writing and moving: what was written aside goes with it."""
    code = (
        "import os, pathlib, signal, sys, time\n"
        "from ngpt_inspect.cli.interrupt import interruptible\n"
        "from ngpt_inspect.tables.export import write_bytes\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # else of who started all
        "def replace(*_): os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
        "pathlib.Path.replace = replace\n"
        "with interruptible(): write_bytes(pathlib.Path(sys.argv[1]), b'x')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.csv")])
    assert done.returncode == 130
    assert list(tmp_path.iterdir()) == []
