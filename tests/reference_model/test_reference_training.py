"""The loop: same seed same losses, kill and resume, divergence, ranks, the command line."""

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import make_config, make_data, make_train_config

from reference_model.checkpoint import read_header
from reference_model.errors import DivergenceError, UsageError
from reference_model.schedule import learning_rate
from reference_model.train import main
from reference_model.training.loop import train
from reference_model.training.metrics import read_metrics
from reference_model.training.ranks import Ranks
from reference_model.training.trainer import Trainer, split_batch

ROOT = Path(__file__).parents[2]
CPU = Ranks(0, 1, torch.device("cpu"))
SHORT = [
    *("--steps", "24", "--batch-size", "4", "--context-length", "32", "--tokenizer", "bytes"),
    *("--validation-every", "6", "--resume-every", "6", "--precision", "float32"),
]


def run(out, architecture="ngpt", resume=False, **changes):
    settings = make_train_config(**changes)
    config = make_config(architecture)
    return train(config, settings, make_data(), out, resume=resume, show_progress=False)


def losses(out):
    return [
        (line["step"], line["train_loss"], line["validation_loss"]) for line in read_metrics(out)
    ]


def command(*arguments):
    return [sys.executable, "-m", "reference_model.train", *map(str, arguments)]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_training_learns(tmp_path, architecture):
    run(tmp_path, architecture, steps=32, learning_rate=2e-2)
    found = losses(tmp_path)
    assert [step for step, _, _ in found] == list(range(1, 33))
    assert found[-1][2] < found[3][2] - 0.3
    assert [step for step, _, validation in found if validation is not None][:3] == [4, 8, 12]


def test_run_folder_holds_the_steps_asked_for(tmp_path):
    result = run(tmp_path, checkpoint_steps=(0, 3), checkpoint_every=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".lock",
        "metrics.jsonl",
        "resume.pt",
        *(f"step-{step:06d}.safetensors" for step in (0, 3, 5, 10, 12)),
        "tokenizer.json",
    ]
    header = read_header(result.checkpoint)
    assert (header.step, header.tokens, header.seed) == (12, 12 * 4 * 12, 0)


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_resumed_run_is_bit_identical(tmp_path, architecture, monkeypatch):
    whole = run(tmp_path / "whole", architecture)
    original, calls = Trainer.take_step, []

    def dies_after_six_steps(self):
        calls.append(self)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(self)

    monkeypatch.setattr(Trainer, "take_step", dies_after_six_steps)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", architecture)
    monkeypatch.undo()
    assert len(losses(tmp_path / "cut")) == 6  # two steps past the resume file of step 4
    cut = run(tmp_path / "cut", architecture, resume=True)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert cut.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_finished_run_is_left_alone(tmp_path, capsys):
    run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    config = make_config("ngpt")
    result = train(config, make_train_config(), make_data(), tmp_path)
    assert result.was_finished
    assert "already trained for all 12 steps" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_other_settings_or_a_missing_resume_are_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(UsageError, match=r"holds a run with learning_rate=0\.003 not 0\.1"):
        run(tmp_path, learning_rate=0.1, resume=True)
    run(tmp_path, resume=True, checkpoint_every=3)  # when to write may change
    state = torch.load(tmp_path / "resume.pt", weights_only=True)
    torch.save(state | {"step": 8}, tmp_path / "resume.pt")
    with pytest.raises(UsageError, match="holds a run at step 8 of 12; add --resume"):
        run(tmp_path)


def test_divergence_stops_with_null_and_keeps_the_weights(tmp_path, monkeypatch):
    original = Trainer._backward

    def explodes(self):
        loss = original(self)
        return loss * math.nan if self.step == 6 else loss

    monkeypatch.setattr(Trainer, "_backward", explodes)
    with pytest.raises(DivergenceError, match=r"step 6: .* not finite"):
        run(tmp_path)
    assert losses(tmp_path)[-1] == (6, None, None)
    state = torch.load(tmp_path / "resume.pt", weights_only=True)
    assert state["step"] == 4
    assert all(torch.isfinite(tensor).all() for tensor in state["model"].values())


def test_micro_batches_change_only_rounding(tmp_path):
    for name, size in (("whole", 0), ("halves", 2)):
        run(tmp_path / name, micro_batch_size=size)
    whole, halves = losses(tmp_path / "whole"), losses(tmp_path / "halves")
    np.testing.assert_allclose(
        [loss for _, loss, _ in whole], [loss for _, loss, _ in halves], rtol=1e-5
    )


def test_learning_rate_warms_up_then_falls_to_zero():
    config = make_train_config(steps=110, warmup_steps=10, learning_rate=2.0)
    rates = [learning_rate(config, step) for step in range(1, 112)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert rates[110] == pytest.approx(0.0)  # the step after the last
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert learning_rate(make_train_config(learning_rate=2.0), 1) == 2.0


@pytest.mark.parametrize(
    ("changes", "world_size", "message"),
    [
        ({"batch_size": 3}, 2, "batch_size=3 does not split evenly over 2 ranks"),
        ({"batch_size": 8, "micro_batch_size": 3}, 2, "micro_batch_size=3 does not divide the 4"),
    ],
)
def test_uneven_batches_are_refused(changes, world_size, message):
    with pytest.raises(UsageError, match=message):
        split_batch(make_train_config(**changes), world_size)


def test_data_of_another_vocabulary_is_refused():
    with pytest.raises(UsageError, match="the data has 23 tokens but the model has vocab_size=24"):
        Trainer(make_config("gpt", vocab_size=24), make_train_config(), make_data(), CPU)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.txt"], "nowhere.txt: cannot be read"),
        (["--steps", "0"], "steps=0: must be a whole number of at least 1"),
        (["--learning-rate", "nan"], "learning_rate=nan: must be a finite number above 0"),
        (["--batch-size", "4", "--micro-batch-size", "3"], "micro_batch_size=3 does not divide"),
        (["--checkpoint-steps", "900"], "checkpoint_steps=[900]: each must be between 0 and"),
        (["--context-length", "99999"], "too few for a sequence of 99999"),
        (["--tokenizer", "bpe", "--vocab-size", "10"], "--vocab-size 10: a BPE takes 257 to"),
        (["--device", "abacus"], "--device abacus: not a device"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(tmp_path, text, capsys, arguments, message):
    base = ["--model", "gpt", "--out", str(tmp_path / "out"), "--tokenizer", "bytes"]
    base += ["--data", str(text), "--steps", "2"]
    assert main([*base, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_interrupt_exits_130(tmp_path, text, capsys, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "take_step", interrupted)
    arguments = ["--model", "gpt", "--data", str(text), *SHORT, "--out", str(tmp_path / "run")]
    assert main(arguments) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_command_line_on_nanogpt_bins(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    tokens = np.tile(np.arange(50, dtype=np.uint16), 40)
    tokens.tofile(data / "train.bin")
    tokens[:300].tofile(data / "val.bin")
    arguments = ["--model", "gpt", "--data", str(data), *SHORT, "--steps", "3"]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0
    assert "done: " in capsys.readouterr().err
    assert read_header(tmp_path / "run" / "step-000003.safetensors").config["vocab_size"] == 50
    assert "without their tokenizer" in (tmp_path / "run" / "tokenizer.json").read_text()


def test_help_is_short_of_jargon_and_complete(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["-h"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--model", "--preset", "--out", "--resume", "--data", "--compile"):
        assert option in shown


def test_byte_run_says_how_to_read_its_tokens(tmp_path, text):
    arguments = ["--model", "gpt", "--data", str(text), *SHORT, "--steps", "1"]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0
    kind = json.loads((tmp_path / "run" / "tokenizer.json").read_text())["reference_model"]
    assert kind == {"kind": "bytes", "vocab_size": 256, "end_of_text": 0}
