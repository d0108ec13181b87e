"""Killed runs: what is on disk stays whole, and resumes to the same bits; so do repeated runs."""

import itertools
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
from small_runs import check_whole, results, train_small

from reference_model.training.metrics import MetricsFile, StepMetrics, read_metrics

ROOT = Path(__file__).parents[2]
RESUME_BYTES = 150_000  # a little less than the resume file of a mini run


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


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("micro_batch_size", [0, 2])
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
