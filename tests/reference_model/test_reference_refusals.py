"""Full disks, folders in use or of no use, damaged files: one clear line, and nothing is lost."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_runs import check_whole, results, train_small

from reference_model.checkpoint import save_resume_state
from reference_model.errors import UsageError
from reference_model.files import LOCK_FILE, lock_folder
from reference_model.progress import say
from reference_model.train import main
from reference_model.training.metrics import read_metrics
from reference_model.training.trainer import Trainer

RESUME_BYTES = 150_000  # a little less than the resume file of a mini run
GO_ON = "the same command with --resume goes on from the last save\n"


def check_refused(code, stderr, folder):
    """Fail unless the run ended as on a full disk: one clear line, whole files, no litter."""
    assert code == 2
    assert stderr.startswith("error: ")
    assert "cannot be written (" in stderr
    assert stderr.endswith(GO_ON)
    assert stderr.count("\n") == 1
    assert not list(folder.parent.glob("**/.*.tmp"))
    return check_whole(folder)


@pytest.mark.slow
def test_any_call_refused_gives_one_line_and_leaves_whole_files(forked, mini):
    command, expected, folder = mini
    for at in itertools.count(1):
        out = folder / f"refused-{at}"
        seldom = [*command(out), "--resume-every", 9]  # writes every kind of file once
        code, stderr = forked(seldom, "refuse", at)
        if code == 0:
            break
        check_refused(code, stderr, out)
        assert "(No space left on device)" in stderr
        if at % 8 == 0:
            assert forked(seldom)[0] == 0
            assert results(out)[0] == expected[0]
        shutil.rmtree(out, ignore_errors=True)  # the first refusals leave no folder
    assert at > 30


@pytest.mark.parametrize(("size", "lines"), [(100, 0), (300, 1)])
def test_metrics_that_may_not_grow_end_with_a_whole_line(forked, mini, size, lines):
    command, expected, folder = mini
    out = folder / f"limited-{size}"
    seldom = [*command(out), "--resume-every", 9, "--checkpoint-every", 0]
    for at in itertools.count(10):  # the first resume file must still get through
        code, stderr = forked(seldom, "limit", at, size)
        check_refused(code, stderr, out)
        if (out / "resume.pt").exists():
            break
    assert stderr.startswith(f"error: {out}/metrics.jsonl: cannot be written (File too large)")
    assert len(read_metrics(out)) == lines
    assert forked(seldom)[0] == 0
    assert results(out)[0] == expected[0]


@pytest.mark.parametrize("size", [20_000, RESUME_BYTES])
def test_weights_that_may_not_grow_leave_the_last_save(forked, mini, size):
    command, expected, folder = mini
    out = folder / f"limited-{size}"
    assert forked(command(out), "kill", 30)[0] == -signal.SIGKILL
    before = check_whole(out)
    code, stderr = forked(command(out), "limit", 1, size)
    assert check_refused(code, stderr, out) == before
    assert "File too large" in stderr
    assert forked(command(out))[0] == 0
    assert results(out) == expected


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a disk of so many bytes, or mounts the same one otherwise."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("no permission to mount a small disk")
        return disk

    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    yield mount
    subprocess.run(["umount", disk], capture_output=True, check=False)


@pytest.mark.parametrize("resume_files", [0.5, 1.5, 2.2])
def test_full_disk_keeps_the_last_save_and_resumes(forked, mini, small_disk, resume_files):
    command, expected, _ = mini
    disk = small_disk(f"size={int(resume_files * RESUME_BYTES)}")
    code, stderr = forked(command(disk / "run"))
    check_refused(code, stderr, disk / "run")
    assert "No space left on device" in stderr
    small_disk("remount,size=4m")
    assert forked(command(disk / "run"))[0] == 0
    assert results(disk / "run") == expected


def test_read_only_disk_is_noticed_before_the_data_is_read(forked, mini, small_disk):
    command, _, folder = mini
    disk = small_disk("size=1m")
    small_disk("remount,ro")
    arguments = [*command(disk / "run"), "--data", folder / "nowhere"]
    code, stderr = forked(arguments)
    check_refused(code, stderr, disk / "run")
    assert f"{disk / 'run'}: cannot be written (Read-only file system)" in stderr


def test_unwritable_folder_is_noticed_before_the_data_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("reference_model.train._load_data", lambda _: pytest.fail("too late"))
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        assert main(["--model", "gpt", "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {out}: cannot be written (")
        assert error.count("\n") == 1


def test_run_beside_which_nothing_can_be_written_keeps_its_tokens_inside(mini, monkeypatch):
    command, _, folder = mini
    out = folder / "alone" / "run"
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != out.parent)
    arguments = [str(a) for a in command(out)]
    arguments[arguments.index("mini")] = "tiny"
    assert main([*arguments, "--steps", "1", "--context-length", "8"]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["run"]
    assert list(out.glob(".tokens-*"))


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


def test_second_process_is_refused_and_the_first_goes_on(forked, mini):
    command, expected, folder = mini
    out = folder / "shared"
    with lock_folder(out):
        code, stderr = forked(command(out))
        assert code == 2
        assert stderr == (
            f"error: {out}: another process trains into it; wait for it, or use another --out\n"
        )
        assert [path.name for path in out.iterdir()] == [LOCK_FILE]
    assert forked(command(out))[0] == 0
    assert results(out) == expected


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


def test_run_killed_at_once_may_start_again_but_not_with_other_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "take_step", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path, checkpoint_steps=(0,))
    monkeypatch.undo()
    with pytest.raises(UsageError, match="holds a run with seed=0 not 1"):
        train_small(tmp_path, seed=1)
    train_small(tmp_path)
    assert check_whole(tmp_path) == 12
