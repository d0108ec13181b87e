"""How far a run is and how it goes on, from files in every state they can be in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.run_status import RunState, run_status

NOW = 1_000_000.0


def write_lines(folder: Path, steps: range, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    told = {"train_loss": 3.0, "gradient_norm": 1.0, "seconds": 2.0} | changes
    rows = [{"step": step, "tokens": 32 * step, **told} for step in steps]
    path = folder / "metrics.jsonl"
    with path.open("a") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    os.utime(path, (NOW, NOW))


def write_checkpoint(folder: Path, step: int, planned: int | None = 40) -> None:
    """Write a checkpoint that says how its run is trained."""
    told = {"step": step, "training": {} if planned is None else {"steps": planned}}
    tensors = {"E_input": np.ones((6, 4), np.float32)}
    path = folder / f"step-{step:06d}.safetensors"
    save_file(tensors, path, {"reference_model": json.dumps(told)})


def test_a_run_that_trains(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 13))
    write_checkpoint(tmp_path, 10)
    status = run_status(tmp_path)
    assert (status.step, status.steps, status.tokens) == (12, 40, 384)
    assert (status.seconds, status.seconds_a_step, status.left) == (24.0, 2.0, 56.0)
    assert (status.written, status.saved) == (NOW, (10,))
    assert (status.diverged, status.unfinished_line) == (False, False)
    assert status.state(NOW + 59) is RunState.TRAINING
    assert status.state(NOW + 61) is RunState.QUIET


def test_slow_steps_are_waited_for(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 4), seconds=30.0)
    status = run_status(tmp_path)
    assert status.state(NOW + 599) is RunState.TRAINING
    assert status.state(NOW + 601) is RunState.QUIET


def test_the_pace_is_that_of_the_last_steps(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 101), seconds=9.0)
    write_lines(tmp_path, range(101, 151), seconds=1.0)
    write_checkpoint(tmp_path, 100, planned=250)
    status = run_status(tmp_path)
    assert (status.seconds_a_step, status.left, status.seconds) == (1.0, 100.0, 950.0)


def test_a_finished_and_a_diverged_run(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 41))
    write_checkpoint(tmp_path, 40)
    status = run_status(tmp_path)
    assert status.state(NOW + 1e6) is RunState.FINISHED
    assert status.left == 0
    write_lines(tmp_path / "lost", range(1, 9))
    write_lines(tmp_path / "lost", range(9, 10), train_loss=None)
    assert run_status(tmp_path / "lost").state(NOW) is RunState.DIVERGED


def test_a_run_that_logs_no_gradient_has_not_diverged(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 9), gradient_norm=None)
    assert run_status(tmp_path).state(NOW) is RunState.TRAINING


def test_nothing_says_how_many_steps_or_how_long(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 4), seconds=None)
    write_checkpoint(tmp_path, 3, planned=None)
    status = run_status(tmp_path)
    assert (status.steps, status.seconds, status.seconds_a_step, status.left) == (None,) * 4
    assert status.state(NOW) is RunState.TRAINING


def test_half_written_files(tmp_path: Path) -> None:
    write_lines(tmp_path, range(1, 4))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "to')
    (tmp_path / ".step-000003.safetensors.x1.tmp").write_bytes(b"half")
    status = run_status(tmp_path)
    assert (status.step, status.unfinished_line) == (3, True)
    assert status.saved == ()


def test_checkpoints_without_metrics(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 10)
    write_checkpoint(tmp_path, 20)
    status = run_status(tmp_path)
    assert (status.step, status.steps, status.saved) == (20, 40, (10, 20))
    assert (status.written, status.seconds, status.tokens) == (None, None, None)
    assert status.state(NOW) is RunState.QUIET


def test_an_empty_log_and_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="is no training run"):
        run_status(tmp_path)
    with pytest.raises(UnreadableFile, match="is no training run"):
        run_status(tmp_path / "missing")
    (tmp_path / "metrics.jsonl").touch()
    status = run_status(tmp_path)
    assert (status.step, status.tokens, status.seconds, status.diverged) == (0, None, None, False)
