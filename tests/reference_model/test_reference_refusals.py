"""Folders of no use, damaged files: one clear line, and nothing is lost."""

import random
import sys
from pathlib import Path

import pytest
import torch
from small_runs import check_whole, interrupted, results, train_small

from reference_model.checkpoint import save_resume_state
from reference_model.errors import UsageError
from reference_model.files import lock_folder
from reference_model.progress import say
from reference_model.train import main


def test_unwritable_folder_is_noticed_before_the_data_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("reference_model.train._load_data", lambda _: pytest.fail("too late"))
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        assert main(["--model", "gpt", "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {out}: cannot be written (")
        assert error.count("\n") == 1


def test_refusal_inside_torch_is_told_in_the_words_of_the_system(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    save_resume_state(tmp_path, {"old": 1})
    before = (tmp_path / "resume.pt").read_bytes()
    original = Path.open

    class Full(type(tmp_path)):
        def open(self, *arguments):
            return original(Path("/dev/full"), *arguments)

    from reference_model.checkpoint import _write_state

    with pytest.raises(OSError, match="No space left on device"):
        _write_state({"x": torch.ones(100_000)}, Full(tmp_path / "x"))
    assert (tmp_path / "resume.pt").read_bytes() == before


def test_log_that_takes_no_more_does_not_stop_the_training(monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    say("half way")


def test_folder_is_locked_only_where_the_system_has_locks(tmp_path, monkeypatch):
    def has_none(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("reference_model.files.fcntl.flock", has_none)
    with lock_folder(tmp_path / "run"):
        pass
    monkeypatch.setattr("reference_model.files.fcntl", None)
    with lock_folder(tmp_path / "run"):
        pass


def damage(path, how):
    data = bytearray(path.read_bytes())
    if how == "truncated":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = b""
    elif how == "random":
        data = random.Random(0).randbytes(len(data))
    elif how == "one bit":
        data[len(data) // 2] ^= 1  # inside a tensor: torch.load alone would not notice
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["truncated", "empty", "random", "one bit", "of another program"])
def test_damaged_resume_file_gives_one_line_and_touches_nothing(tmp_path, how):
    train_small(tmp_path)
    path = tmp_path / "resume.pt"
    damage(path, how)
    if how == "of another program":
        torch.save({"model": {}}, path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    with pytest.raises(UsageError, match=r"resume\.pt: damaged, .*choose another --out") as caught:
        train_small(tmp_path, resume=True)
    assert "\n" not in str(caught.value)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("resume", [False, True])
def test_results_without_their_resume_file_are_not_overwritten(tmp_path, resume):
    train_small(tmp_path)
    (tmp_path / "resume.pt").unlink()
    before = results(tmp_path)
    with pytest.raises(UsageError, match=r"holds step-000012\.safetensors of an earlier run but"):
        train_small(tmp_path, resume=resume)
    assert results(tmp_path) == before


def test_run_killed_at_once_may_start_again_but_not_with_other_settings(tmp_path):
    with interrupted(after=0):
        train_small(tmp_path, checkpoint_steps=(0,))
    with pytest.raises(UsageError, match="holds a run with seed=0 not 1"):
        train_small(tmp_path, seed=1)
    train_small(tmp_path)
    assert check_whole(tmp_path) == 12
