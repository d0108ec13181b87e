"""Runs killed or refused the disk: files stay whole, and resume to the same bits as undisturbed."""

import collections
import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_runs import check_whole, results, train_small

from reference_model.files import LOCK_FILE, lock_folder, write_text_atomically
from reference_model.train import main
from reference_model.training.metrics import MetricsFile, StepMetrics, read_metrics

ROOT = Path(__file__).parents[2]
RESUME_BYTES = 150_000  # a little less than the resume file of a mini run
GO_ON = "the same command with --resume goes on from the last save\n"


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])  # of all calls
def test_killed_before_any_call_resumes_to_the_same_bits(forked, mini, stride):
    command, expected, folder = mini
    reached = []
    for at in itertools.count(1, stride):
        out = folder / f"killed-{at}"
        code, _ = forked(command(out), "kill", at)
        reached.append(check_whole(out) if out.exists() else 0)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        if at % 8 == 0:  # and once more while it takes the run up again
            forked(command(out), "kill", at // 2)
            check_whole(out)
        assert forked(command(out))[0] == 0
        assert results(out) == expected
        assert not list(out.glob(".*.tmp"))
        shutil.rmtree(out)
    assert reached == sorted(reached)
    assert set(reached) == {0, 1, 2}
    assert at > 30


@pytest.mark.parametrize("size", [100, 300, 20_000, RESUME_BYTES])
def test_killed_inside_a_write_resumes_to_the_same_bits(forked, mini, size):
    command, expected, folder = mini
    for at in (1, 20):
        out = folder / f"torn-{size}-{at}"
        code, _ = forked(command(out), "tear", at, size)
        assert code == -signal.SIGXFSZ
        check_whole(out, torn=True)
        assert forked(command(out))[0] == 0
        assert results(out) == expected
        assert not list(out.glob(".*.tmp"))


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


def test_a_pipe_is_written_into_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text_atomically(pipe, "x")
    assert os.read(reader, 9) == b"x"
    os.close(reader)
    assert pipe.is_fifo()


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


def test_run_beside_which_nothing_can_be_written_keeps_its_tokens_inside(mini, monkeypatch):
    command, _, folder = mini
    out = folder / "alone" / "run"
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != out.parent)
    arguments = [str(a) for a in command(out)]
    arguments[arguments.index("mini")] = "tiny"
    assert main([*arguments, "--steps", "1", "--context-length", "8"]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["run"]
    assert list(out.glob(".tokens-*"))


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


def test_line_is_handed_over_in_one_piece(tmp_path, monkeypatch):
    metrics = MetricsFile(tmp_path, last_step=0)
    written = []

    class Recorder:
        def write(self, line):
            written.append(line)
            return len(line)

        def fileno(self):
            return file.fileno()

    file, metrics.file = metrics.file, Recorder()
    metrics.append(
        StepMetrics(
            step=1,
            tokens=8,
            train_loss=2.5,
            validation_loss=None,
            learning_rate=0.1,
            gradient_norm=1.0,
            seconds=0.1,
        )
    )
    file.close()
    assert len(written) == 1
    assert written[0].endswith(b"}\n")


@pytest.mark.parametrize(
    ("architecture", "precision", "micro_batch_size"),
    [("gpt", "float32", 0), ("ngpt", "bfloat16", 2)],
)
def test_same_seed_gives_the_same_bits(tmp_path, architecture, precision, micro_batch_size):
    for name in ("a", "b"):
        torch.rand(7 if name == "a" else 8)  # whatever ran before must not matter
        train_small(
            tmp_path / name,
            architecture,
            precision=precision,
            micro_batch_size=micro_batch_size,
            checkpoint_every=3,
        )
    assert results(tmp_path / "a") == results(tmp_path / "b")


def test_precisions_and_seeds_do_differ(tmp_path):
    for name, changes in {"a": {}, "b": {"seed": 1}, "c": {"precision": "bfloat16"}}.items():
        train_small(tmp_path / name, **changes)
    losses = [results(tmp_path / name)[0] for name in "abc"]
    assert all(one != other for one, other in itertools.combinations(losses, 2))


TINY = [
    *("--model", "ngpt", "--preset", "tiny", "--tokenizer", "bytes", "--context-length", "16"),
    *("--batch-size", "2", "--precision", "float32", "--validation-every", "10", "--resume"),
    *("--resume-every", "1", "--checkpoint-every", "3"),
]


@contextlib.contextmanager
def started(launcher, text, out, *more):
    """Start a run; at the end nothing of it is left, not even the pipe of a failing test."""
    command = [sys.executable, "-m", *launcher, "reference_model.train", *TINY, *map(str, more)]
    with subprocess.Popen(
        [*command, "--data", str(text), "--out", str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(*arguments):
    """Run to the end."""
    with started(*arguments) as process:
        _, error = process.communicate()
    assert process.returncode == 0, error


def freeze(pid):
    """Stop a process, and return when it stands still or has ended."""
    os.kill(pid, signal.SIGSTOP)
    while re.search(r"^State:\s+[TZX]", status(pid), re.MULTILINE) is None:
        time.sleep(0.001)


def status(pid):
    return Path(f"/proc/{pid}/status").read_text()


def instant(out):
    if list(out.glob(".*.tmp")):
        return "in a save"
    return "between saves" if (out / "resume.pt").exists() else "before the first save"


def kill_at(process, out, lines, wanted):
    """Kill a run that has logged so many lines, at an instant of a kind; return the kind found.

    No clock is read: the run is stopped, looked at, and let go on where the instant is another.
    A run that ends before such an instant comes returns an empty text.
    """
    while process.poll() is None:
        if (out.exists() and len(read_metrics(out)) >= lines) or wanted is None:
            freeze(process.pid)
            found = instant(out)
            if wanted in (None, found) and process.poll() is None:
                process.kill()
                return found
            os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.002)
    return ""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at a stopped process")
def test_twenty_random_kills_of_the_command_change_no_bit(tmp_path, text):
    whole, out, steps = tmp_path / "whole", tmp_path / "killed", ("--steps", 90)
    finish((), text, whole, *steps)
    chance = random.Random(20)
    found = collections.Counter()
    while found.total() < 20 or not {"in a save", "between saves"} <= found.keys():
        lines = chance.randint(0, 3) + (len(read_metrics(out)) if out.exists() else 0)
        wanted = chance.choice([None, "in a save", "in a save", "between saves"])
        with started((), text, out, *steps) as process:
            time.sleep(0 if wanted else chance.uniform(0, 3))  # anywhere, start-up included
            kind = kill_at(process, out, lines, wanted)
        found.update([kind] if kind else [])
        reached = check_whole(out) if out.exists() else 0
        if not kind:  # it was over too soon: the next begins anew
            assert results(out) == results(whole)
            shutil.rmtree(out)
    sys.stdout.write(f"{found.total()} kills: {dict(found)}, at step {reached} after the last\n")
    finish((), text, out, *steps)
    assert results(out) == results(whole)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at a stopped process")
def test_stopped_ranks_save_together(tmp_path, text):
    ranks = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    more = ("--steps", 40, "--device", "cpu", "--resume-every", 1000)
    finish(ranks, text, tmp_path / "whole", *more)
    with started(ranks, text, tmp_path / "cut", *more) as process:
        while not (tmp_path / "cut").exists() or len(read_metrics(tmp_path / "cut")) < 5:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.002)
        # One rank stands still, hence all wait for it, until the signal has come to it.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        rank = int(children.split()[-1])
        freeze(rank)
        process.terminate()
        while not pending(rank, signal.SIGTERM):
            time.sleep(0.002)
        os.kill(rank, signal.SIGCONT)
        _, said = process.communicate()
    assert "which is saved" in said
    assert process.returncode != 0
    assert 5 <= check_whole(tmp_path / "cut") == len(read_metrics(tmp_path / "cut")) < 40
    finish(ranks, text, tmp_path / "cut", *more)
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


def pending(pid, number):
    """Tell whether a signal waits for a process that stands still."""
    masks = re.findall(r"^(?:SigPnd|ShdPnd):\s+(\w+)", status(pid), re.MULTILINE)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)
