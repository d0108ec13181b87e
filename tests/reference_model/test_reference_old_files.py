"""Files of version 0.1, kept as they were written: they open, and their runs go on.

Each folder of files_of_0_1 is a run of 8 steps that was ended after the fourth, and
losses_of_the_whole_run.json what the same run gave that was not.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_runs import make_config, make_data, make_train_config

from reference_model.checkpoint import (
    load_model,
    load_resume_state,
    read_header,
    save_resume_state,
)
from reference_model.config import NGPTConfig, TrainConfig
from reference_model.errors import UsageError
from reference_model.training.loop import train
from reference_model.training.metrics import read_metrics

OLD = Path(__file__).parent / "files_of_0_1"
SHAPE = {"n_layers": 1, "d_model": 8, "d_mlp": 12, "context_length": 8}
ROUNDING = 1e-5
"""Relative: between processors, whose sums of a few hundred float32 terms differ in their order."""


@pytest.fixture(params=["gpt", "ngpt"])
def architecture(request):
    return request.param


@pytest.fixture
def run(architecture, tmp_path):
    return Path(shutil.copytree(OLD / architecture, tmp_path / "run"))


def go_on(folder, architecture, **changes):
    decay = 0.1 if architecture == "gpt" else 0.0
    settings = make_train_config(steps=8, weight_decay=decay, checkpoint_steps=(2,), **changes)
    config = make_config(architecture, **SHAPE)
    train(config, settings, make_data(), folder, resume=True, device="cpu", show_progress=False)


def change_header(path, **changes):
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["reference_model"])
    for key, value in changes.items():
        told[key] = told[key] | value if isinstance(value, dict) else value
    save_file(load_file(path), path, {"reference_model": json.dumps(told)})


def test_an_old_checkpoint_opens_with_the_defaults_of_what_it_lacks(architecture):
    path = OLD / architecture / "step-000002.safetensors"
    header = read_header(path)
    assert "eps" not in header.training
    assert TrainConfig.from_dict(header.training).eps == 1e-8
    assert header.decay_exposure is None
    logits = load_model(path)(torch.arange(8)[None])
    assert logits.isfinite().all()


def test_an_old_run_goes_on_as_it_would_have_gone_on(run, architecture):
    expected = json.loads((run / "losses_of_the_whole_run.json").read_text())
    assert load_resume_state(run)["step"] == 4
    go_on(run, architecture)
    found = [(line["train_loss"], line["validation_loss"]) for line in read_metrics(run)]
    assert len(found) == len(expected) == 8
    for mine, whole in zip(found, expected, strict=True):
        assert mine[0] == pytest.approx(whole[0], rel=ROUNDING)
        assert mine[1] == (whole[1] and pytest.approx(whole[1], rel=ROUNDING))


def test_an_old_run_is_not_taken_for_one_with_other_settings(run, architecture):
    with pytest.raises(UsageError, match=r"holds a run with eps=1e-08 not 1e-05"):
        go_on(run, architecture, eps=1e-5)
    with pytest.raises(UsageError, match=r"holds a run with no_decay=\(\) not \('W_q',\)"):
        go_on(run, architecture, no_decay=("W_q",))


def test_a_field_that_is_younger_than_a_file_takes_its_default():
    @dataclass(frozen=True, kw_only=True)
    class Later(NGPTConfig):
        tied: bool = False

    old = read_header(OLD / "ngpt" / "step-000002.safetensors").config
    assert Later.from_dict(old).tied is False
    assert Later.from_dict(old | {"tied": True}).tied is True


def test_a_run_of_a_newer_version_is_refused_by_name(run, architecture):
    state = load_resume_state(run)
    state = torch.load(run / "resume.pt", weights_only=True)
    save_resume_state(run, state | {"settings": state["settings"] | {"tied": True}})
    before = (run / "metrics.jsonl").read_bytes()
    with pytest.raises(UsageError, match=r"resume\.pt: settings tied are unknown; .* newer ver"):
        go_on(run, architecture)
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"tied": True}}, "fields tied are unknown; .* update this one"),
        ({"mood": "good"}, "CheckpointHeader: fields mood are unknown"),
        ({"architecture": "mamba"}, "architecture='mamba': choose one of gpt, ngpt"),
        ({"config": {"d_model": 7}}, "d_model=7 with n_heads=2"),
    ],
)
def test_a_checkpoint_of_a_newer_version_is_refused_by_name(run, changes, message):
    path = run / "step-000002.safetensors"
    change_header(path, **changes)
    with pytest.raises(UsageError, match=rf"step-000002\.safetensors: .*{message}"):
        load_model(path)
