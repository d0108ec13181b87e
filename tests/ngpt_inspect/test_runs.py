from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.run_log import METRIC_COLUMNS, read_metrics
from ngpt_inspect.runs import is_run, step_files, step_of


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step-000200.safetensors", 200),
        ("runs/step-9/step-000000.safetensors", 0),
        ("state_step001000.pt", 1000),
        ("iter_500.pth", 500),
        ("epoch=1-step=200.ckpt", 200),
        ("model-00001-of-00003.safetensors", None),
        ("model.safetensors", None),
        ("footstep12.pt", None),
        ("step-" + "9" * 30, None),
        ("step-²", None),
    ],
)
def test_step_of(name: str, step: int | None) -> None:
    assert step_of(Path(name)) == step


def test_steps_come_in_order_whatever_their_digits(tmp_path: Path) -> None:
    names = ["step-000200.safetensors", "step-1000000.safetensors", "step-000030.safetensors"]
    others = ["step-5.pt", "step-7.safetensors.tmp", "x-step-8.safetensors", "metrics.jsonl"]
    for name in names + others:
        (tmp_path / name).touch()
    (tmp_path / "step-000009.safetensors").mkdir()
    assert list(step_files(tmp_path)) == [30, 200, 1_000_000]
    assert step_files(tmp_path)[200] == tmp_path / names[0]
    assert is_run(tmp_path)


def test_what_is_no_run(tmp_path: Path) -> None:
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / "missing")
    (tmp_path / "model.safetensors").touch()
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / "model.safetensors")


def test_two_files_of_one_step(tmp_path: Path) -> None:
    for name in ("step-200", "step-000200"):
        (tmp_path / f"{name}.safetensors").touch()
    with pytest.raises(
        UnreadableFile, match=r"step-000200.safetensors and step-200.safetensors ar"
    ):
        step_files(tmp_path)


ROW = {
    "step": 10,
    "tokens": 2560,
    "train_loss": 2.5,
    "validation_loss": None,
    "learning_rate": 3e-3,
    "gradient_norm": 0.5,
    "seconds": 1,
}


def write(folder: Path, *lines: object, end: str = "\n") -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "metrics.jsonl").write_text(text + end)
    return folder


def test_metrics(tmp_path: Path) -> None:
    last = {"step": 20, "validation_loss": 2.25, "note": "resumed", "train_loss": math.nan}
    table = read_metrics(write(tmp_path, ROW, "", last))
    assert list(table.columns) == [*METRIC_COLUMNS, "note"]
    assert table["step"].dtype == "int64"
    assert table["step"].tolist() == [10, 20]
    assert table["validation_loss"].dtype == "float64"
    assert math.isnan(table["validation_loss"][0])
    assert table["validation_loss"][1] == 2.25
    assert math.isnan(table["tokens"][1])
    assert table["note"].tolist()[1] == "resumed"
    assert table.attrs == {}


def test_no_metrics_yet(tmp_path: Path) -> None:
    table = read_metrics(write(tmp_path, end=""))
    assert len(table) == 0
    assert list(table.columns) == list(METRIC_COLUMNS)


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_line_being_written_is_left_out_and_said_so(cut: int, tmp_path: Path) -> None:
    table = read_metrics(write(tmp_path, ROW, json.dumps(ROW)[:cut], end=""))
    assert table["step"].tolist() == [10]
    assert table.attrs == {"unfinished_line": 2}


def test_a_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    table = read_metrics(write(tmp_path, ROW, ROW, end=""))
    assert table["step"].tolist() == [10, 10]
    assert table.attrs == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"step": 1', "line 2 is not JSON"),
        ("[1]", "line 2 is not an object with a whole number as its step"),
        ('{"tokens": 1}', "line 2 is not an object with a whole number as its step"),
        ('{"step": 1.5}', "line 2 is not an object with a whole number as its step"),
        ('{"step": true}', "line 2 is not an object with a whole number as its step"),
        ('{"step": 1, "train_loss": "low"}', "line 2 has a train_loss that is not a number"),
        ('{"step": 99999999999999999999}', "line 2 has a step that is too large"),
        ('{"step": 1, "tokens": 1' + "0" * 400 + "}", "line 2 has a tokens that is too large"),
    ],
)
def test_a_broken_line_is_named(line: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_metrics(write(tmp_path, ROW, line, ROW))
    path = tmp_path / "metrics.jsonl"
    assert str(caught.value) == f"{path}: {expected}; correct or delete that line"


def test_no_metrics_file(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableFile, match=r"cannot be read .*; name the folder of a training run"
    ):
        read_metrics(tmp_path)


def test_steps_are_found_without_torch_and_pandas() -> None:
    """Imported past the package's own face, which others may make heavier."""
    path = Path(sys.modules[is_run.__module__].__file__ or "")
    program = f"""
import runpy, sys
sys.modules["ngpt_inspect"] = type(sys)("ngpt_inspect")
sys.modules["ngpt_inspect"].__path__ = [{str(path.parent)!r}]
runpy.run_path({str(path)!r})["is_run"](__import__("pathlib").Path("."))
assert not {{"torch", "pandas", "numpy"}} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [r'{"step": 1, "\ud800": 2}', r'{"step": 1, "note": "\udfff"}'])
def test_half_a_character_in_the_metrics(line: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(f"{line}\n")
    with pytest.raises(UnreadableFile, match="line 1 is not JSON; correct or delete that line"):
        read_metrics(tmp_path)
