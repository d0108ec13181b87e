"""Killed, stopped and refused runs: what is on disk stays whole, and resumes to the same bits."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import make_config, make_data, make_train_config
from forked_runs import ForkedRuns

from reference_model.checkpoint import load_model, load_resume_state, save_resume_state
from reference_model.errors import Interrupted, UsageError
from reference_model.files import LOCK_FILE, lock_folder
from reference_model.loop import train
from reference_model.metrics import MetricsFile, StepMetrics, read_metrics
from reference_model.progress import say
from reference_model.train import main
from reference_model.trainer import Trainer

ROOT = Path(__file__).parents[2]
LOSSES = ("step", "train_loss", "validation_loss", "gradient_norm")
RESUME_BYTES = 150_000  # a little less than the resume file of a mini run
GO_ON = "the same command with --resume goes on from the last save\n"


def results(folder):
    """Losses of every step, and every kept file of weights."""
    losses = [tuple(line[name] for name in LOSSES) for line in read_metrics(folder)]
    return losses, {path.name: path.read_bytes() for path in folder.glob("step-*.safetensors")}


def check_whole(folder, torn=False):
    """Fail unless every file in the folder can be used as it is; returns the step to resume at."""
    for path in folder.glob("step-*.safetensors"):
        load_model(path)
    text = (folder / "metrics.jsonl").read_text() if (folder / "metrics.jsonl").exists() else ""
    *lines, rest = text.split("\n")
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == list(range(1, len(lines) + 1))
    assert torn or rest == ""
    state = load_resume_state(folder)
    if state is None:
        assert not lines
        return 0
    assert len(lines) >= state["step"] or not (folder / "metrics.jsonl").exists()
    return state["step"]


def check_refused(code, stderr, folder):
    """Fail unless the run ended as on a full disk: one clear line, whole files, no litter."""
    assert code == 2
    assert stderr.startswith("error: ")
    assert "cannot be written (" in stderr
    assert stderr.endswith(GO_ON)
    assert stderr.count("\n") == 1
    assert not list(folder.parent.glob("**/.*.tmp"))
    return check_whole(folder)


@pytest.fixture(scope="module")
def forked():
    runs = ForkedRuns()
    yield runs
    runs.close()


@pytest.fixture(scope="module")
def mini(forked, tmp_path_factory):
    """A function of a folder that gives a short command, and the results it must end with."""
    folder = tmp_path_factory.mktemp("mini")
    (folder / "text.txt").write_text("".join(f"{i} times {i} is {i * i}\n" for i in range(300)))
    command = ["--model", "ngpt", "--preset", "mini", "--tokenizer", "bytes", "--resume"]
    command += ["--data", folder / "text.txt", "--precision", "float32", "--validation-every", 2]
    command += ["--resume-every", 1, "--checkpoint-every", 1]
    assert forked([*command, "--out", folder / "whole"])[0] == 0
    return lambda out: [*command, "--out", out], results(folder / "whole"), folder


def test_killed_before_any_call_resumes_to_the_same_bits(forked, mini):
    command, expected, folder = mini
    reached = []
    for at in itertools.count(1):
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
            assert forked(command(out))[0] == 0
            assert results(out) == expected
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


def test_half_a_line_is_not_read_and_is_cut_on_the_next_start(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2}\n{"st\xff')
    assert read_metrics(tmp_path) == [{"step": 1}, {"step": 2}]
    MetricsFile(tmp_path, last_step=2).close()
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


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


def run(out, architecture="ngpt", resume=False, **changes):
    settings, config = make_train_config(**changes), make_config(architecture)
    return train(config, settings, make_data(), out, resume=resume, show_progress=False)


@pytest.fixture
def signalled(monkeypatch):
    """A function that makes the process signal itself in the middle of a step."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run detached
    original = Trainer.take_step

    def arrange(step, *numbers):
        def take_step(trainer):
            metrics = original(trainer)
            for number in numbers if trainer.step == step else ():
                os.kill(os.getpid(), number)
            return metrics

        monkeypatch.setattr(Trainer, "take_step", take_step)

    yield arrange
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_run_loses_no_step(tmp_path, signalled, number, code):
    run(tmp_path / "whole")
    signalled(6, number)
    handlers = [signal.getsignal(known) for known in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted, match="interrupted after step 6, which is saved") as caught:
        run(tmp_path / "cut")
    assert caught.value.exit_code == code
    assert [signal.getsignal(known) for known in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert check_whole(tmp_path / "cut") == 6  # resume_every is 4
    signalled(0)
    run(tmp_path / "cut", resume=True)
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


def test_command_tells_how_it_was_stopped(mini, signalled, capsys):
    command, _, folder = mini
    arguments = [str(a) for a in command(folder / "stopped")]
    arguments[arguments.index("mini")] = "tiny"
    arguments += ["--context-length", "8", "--batch-size", "1", "--resume-every", "50"]
    for step, number, code in ((1, signal.SIGTERM, 143), (2, signal.SIGINT, 130)):
        signalled(step, number)
        assert main(arguments) == code
        assert capsys.readouterr().err == f"interrupted after step {step}, which is saved; {GO_ON}"


def test_second_signal_stops_at_once_and_the_last_save_counts(tmp_path, signalled):
    signalled(6, signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path)
    assert not isinstance(caught.value, Interrupted)
    assert check_whole(tmp_path) == 4


def test_signal_in_the_last_step_changes_nothing(tmp_path, signalled):
    signalled(12, signal.SIGTERM)
    run(tmp_path)
    assert check_whole(tmp_path) == 12


def test_ignored_signal_stays_ignored(tmp_path, signalled):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signalled(6, signal.SIGINT)
    run(tmp_path)
    assert check_whole(tmp_path) == 12


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("micro_batch_size", [0, 2])
def test_same_seed_gives_the_same_bits(tmp_path, architecture, precision, micro_batch_size):
    for name in ("a", "b"):
        torch.rand(7 if name == "a" else 8)  # whatever ran before must not matter
        run(
            tmp_path / name,
            architecture,
            precision=precision,
            micro_batch_size=micro_batch_size,
            checkpoint_every=3,
        )
    assert results(tmp_path / "a") == results(tmp_path / "b")


def test_precisions_and_seeds_do_differ(tmp_path):
    for name, changes in {"a": {}, "b": {"seed": 1}, "c": {"precision": "bfloat16"}}.items():
        run(tmp_path / name, **changes)
    losses = [results(tmp_path / name)[0] for name in "abc"]
    assert all(one != other for one, other in itertools.combinations(losses, 2))


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
    run(tmp_path)
    path = tmp_path / "resume.pt"
    damage(path, how)
    if how == "of another program":
        torch.save({"model": {}}, path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    with pytest.raises(UsageError, match=r"resume\.pt: damaged, .*choose another --out") as caught:
        run(tmp_path, resume=True)
    assert "\n" not in str(caught.value)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("resume", [False, True])
def test_results_without_their_resume_file_are_not_overwritten(tmp_path, resume):
    run(tmp_path)
    (tmp_path / "resume.pt").unlink()
    before = results(tmp_path)
    with pytest.raises(UsageError, match=r"holds step-000012\.safetensors of an earlier run but"):
        run(tmp_path, resume=resume)
    assert results(tmp_path) == before


def test_run_killed_at_once_may_start_again_but_not_with_other_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "take_step", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, checkpoint_steps=(0,))
    monkeypatch.undo()
    with pytest.raises(UsageError, match="holds a run with seed=0 not 1"):
        run(tmp_path, seed=1)
    run(tmp_path)
    assert check_whole(tmp_path) == 12


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


TINY = [
    *("--model", "ngpt", "--preset", "tiny", "--tokenizer", "bytes", "--context-length", "16"),
    *("--batch-size", "2", "--precision", "float32", "--validation-every", "10", "--resume"),
    *("--resume-every", "1", "--checkpoint-every", "3"),
]


def start(launcher, text, out, *more):
    command = [sys.executable, "-m", *launcher, "reference_model.train", *TINY, *map(str, more)]
    return subprocess.Popen(
        [*command, "--data", str(text), "--out", str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_lines(process, out, count):
    metrics = out / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count("\n") < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)


def end(process):
    code = process.wait()
    process.stderr.close()
    return code


@pytest.mark.slow
def test_twenty_random_kills_of_the_command_change_no_bit(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{i} times {i} is {i * i}\n" for i in range(3000)))
    whole, out, steps = tmp_path / "whole", tmp_path / "killed", ("--steps", 90)
    assert end(start((), text, whole, *steps)) == 0
    instants = random.Random(20)
    found = {"before the first save": 0, "in a save": 0, "between saves": 0}
    for kill in range(20):
        process = start((), text, out, *steps)
        if kill % 4:
            wait_for_lines(process, out, 1 + len(read_metrics(out)) if out.exists() else 1)
            time.sleep(instants.uniform(0, 0.7))
        else:
            time.sleep(instants.uniform(0, 6))
        assert process.poll() is None, "ended before it could be killed"
        process.kill()
        end(process)
        in_a_save = bool(list(out.glob(".*.tmp")))
        reached = check_whole(out) if out.exists() else 0
        found[
            "in a save" if in_a_save else "between saves" if reached else "before the first save"
        ] += 1
    assert found["in a save"]
    assert found["between saves"]
    sys.stdout.write(f"twenty kills: {found}, at step {reached} after the last\n")
    assert end(start((), text, out, *steps)) == 0
    assert results(out) == results(whole)


@pytest.mark.slow
def test_stopped_ranks_save_together(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{i} times {i} is {i * i}\n" for i in range(3000)))
    ranks = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    more = ("--steps", 40, "--device", "cpu", "--resume-every", 1000)
    assert end(start(ranks, text, tmp_path / "whole", *more)) == 0
    process = start(ranks, text, tmp_path / "cut", *more)
    wait_for_lines(process, tmp_path / "cut", 5)
    process.terminate()
    assert "which is saved" in process.stderr.read()
    assert end(process) != 0
    assert 5 <= check_whole(tmp_path / "cut") == len(read_metrics(tmp_path / "cut")) < 40
    assert end(start(ranks, text, tmp_path / "cut", *more)) == 0
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
