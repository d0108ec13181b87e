"""The experiments from the command line, on models that train in an instant."""

import math
import statistics

import numpy as np
import pytest
import torch

from reference_model.config import NGPTConfig
from reference_model.experiments import (
    ablations,
    learning_rates,
    longer_context,
)
from reference_model.experiments import (
    laboratory as laboratory_module,
)
from reference_model.experiments.command import table
from reference_model.experiments.runs import final_loss, loss_rows, plan
from reference_model.model import NGPT


def test_other_text_needs_a_tokenizer(arguments, tmp_path, capsys):
    (tmp_path / "other.txt").write_text("some text")
    wanted = ["--out-of-domain", str(tmp_path / "other.txt")]
    assert longer_context.main([*arguments, *wanted]) == 2
    error = capsys.readouterr().err
    assert "token ids without their tokenizer: other text cannot be encoded" in error
    assert error.count("\n") == 1


class Counting(torch.nn.Module):
    """Knows a token's position only: its loss at position t is log(t + 2)."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, tokens):
        odds = torch.arange(tokens.shape[1]) + 1.0  # the true next token is always 1
        logits = torch.stack((odds.log(), torch.zeros_like(odds)), -1)
        return logits.expand(*tokens.shape, 2)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_windows_do_not_overlap_and_predict_every_token_once(batch, monkeypatch):
    monkeypatch.setattr(longer_context, "resolve_precision", lambda *_: "float32")
    tokens = np.ones(4 * 7 + 1, dtype=np.uint16)
    losses = longer_context.window_losses(Counting(), tokens, length=4, batch=batch)
    assert losses == pytest.approx([statistics.fmean(math.log(t + 2) for t in range(4))] * 7)


def test_learned_means_are_effective_and_absolute():
    config = NGPTConfig(
        vocab_size=8, n_layers=2, n_heads=2, d_model=16, d_mlp=8, context_length=4, s_z_scale=0.5
    )
    model = NGPT(config)
    with torch.no_grad():
        model.s_z.copy_(torch.tensor([1.0, -2.0] * 4))  # stored; effective x 1 / 0.5
        for number, layer in enumerate(model.layers):
            layer.alpha_A.fill_(-(number + 1) * config.alpha_scale)  # effective x 0.05 / scale
            layer.mlp.s_nu.fill_(3.0)
    means = ablations.learned_means(model)
    assert means["s_z"] == pytest.approx(3.0)
    assert means["alpha_A"] == pytest.approx(0.05 * 1.5)
    assert means["s_nu"] == pytest.approx(3.0)
    assert means["s_qk"] == pytest.approx(1.0)


def test_a_run_that_diverges_is_a_row_without_a_loss(laboratory, monkeypatch, capsys):
    run = plan(laboratory.scale, "gpt", context_length=8, steps=4, rate=1e30)
    laboratory.train([run])
    assert "diverged" in capsys.readouterr().err
    folder = laboratory.folder(run)
    assert final_loss(run, folder) is None
    last = loss_rows(run, folder)[-1]
    assert last["validation_loss"] is None
    assert last["step"] <= 4


def test_an_interrupted_experiment_goes_on(arguments, tmp_path, monkeypatch, capsys):
    calls = []

    def train(model, *args, **options):
        calls.append(model)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(model, *args, **options)

    real = laboratory_module.train
    monkeypatch.setattr(laboratory_module, "train", train)
    assert learning_rates.main(arguments) == 130
    assert "goes on where it stopped" in capsys.readouterr().err
    finished = len(list(tmp_path.glob("runs/*/step-*")))
    assert finished == 4
    assert learning_rates.main(arguments) == 0
    assert len(list(tmp_path.glob("runs/*/step-*"))) == 16


def test_time_left_counts_only_work_that_was_done(laboratory, capsys):
    runs = [
        plan(laboratory.scale, "gpt", context_length=8, steps=steps, rate=0.01)
        for steps in (2, 4, 8)
    ]
    laboratory.train(runs[2:])
    laboratory.train(runs)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert [" left" in line for line in told] == [False, False, True, False]


@pytest.mark.slow
def test_runs_side_by_side_have_the_same_losses(tmp_path, corpus, toy):
    # the workers are fresh processes: only a preset of the package is known there
    import dataclasses

    from reference_model.experiments.laboratory import Laboratory

    scale = dataclasses.replace(toy, preset="tiny", tokens_per_step=64)
    runs = [
        plan(scale, architecture, context_length=8, steps=2, rate=0.01)
        for architecture in ("gpt", "ngpt")
    ]
    losses = []
    for jobs in (1, 2):
        place = Laboratory(
            scale=scale,
            corpus=(corpus,),
            runs=tmp_path / f"runs{jobs}",
            results=tmp_path,
            jobs=jobs,
            device="cpu",
        )
        place.train(runs)
        losses.append([final_loss(run, place.folder(run)) for run in runs])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--jobs", "0"], "--jobs 0: at least one run at a time"),
        (["--data", "nowhere.txt"], "nowhere.txt: cannot be read"),
        (["--device", "abacus"], "--device abacus: not a device"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(arguments, capsys, wrong, message):
    assert learning_rates.main([*arguments, *wrong]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_torchrun_is_refused(arguments, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert learning_rates.main(arguments) == 2
    assert "without torchrun" in capsys.readouterr().err


def test_columns_line_up():
    assert table([["", "a", "bb"], ["row", "1", "2"]]) == "     a  bb\nrow  1   2"
