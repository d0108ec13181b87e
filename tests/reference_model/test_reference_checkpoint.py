"""What is written to disk, and that it can be read back."""

import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_runs import make_config, make_train_config, shake

from reference_model.checkpoint import (
    load_model,
    load_resume_state,
    read_header,
    save_checkpoint,
    save_resume_state,
)
from reference_model.errors import UsageError
from reference_model.files import remove_litter, write_atomically
from reference_model.fused import fuse
from reference_model.model import build_model
from reference_model.training.metrics import MetricsFile, StepMetrics, read_metrics


def metrics_of(step, loss=1.5):
    return StepMetrics(
        step=step,
        tokens=10 * step,
        train_loss=loss,
        validation_loss=None,
        learning_rate=1e-3,
        gradient_norm=0.5,
        seconds=0.1,
    )


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_metadata_is_one_json_string_with_every_constant(tmp_path, architecture):
    model = build_model(make_config(architecture))
    training = make_train_config(seed=7, steps=300, learning_rate=0.01)
    path = save_checkpoint(tmp_path, model, training, step=200, tokens=9600)
    assert path.name == "step-000200.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert list(metadata) == ["reference_model"]
    header = json.loads(metadata["reference_model"])
    assert set(header) == {
        *("format_version", "architecture", "config", "training"),
        *("step", "tokens", "seed", "code_version", "decay_exposure"),
    }
    assert header["format_version"] == 1
    assert header["architecture"] == architecture
    assert (header["step"], header["tokens"], header["seed"]) == (200, 9600, 7)
    assert header["config"]["n_heads"] == 2
    assert (header["training"]["steps"], header["training"]["learning_rate"]) == (300, 0.01)
    if architecture == "ngpt":
        assert header["config"]["alpha_init"] == 0.05
        assert header["config"]["s_z_scale"] == pytest.approx(1 / math.sqrt(16))
        for name in ("alpha", "s_qk", "s_u", "s_nu", "s_z"):
            assert isinstance(header["config"][f"{name}_init"], float)
            assert isinstance(header["config"][f"{name}_scale"], float)


@pytest.mark.parametrize("changes", [{}, {"alpha_granularity": "fixed", "s_z_scale": 0.7}])
def test_loaded_model_is_the_saved_one(tmp_path, changes):
    model = fuse(shake(build_model(make_config("ngpt", **changes))))
    path = save_checkpoint(tmp_path, model, make_train_config(), step=1, tokens=1)
    torch.manual_seed(5)
    loaded = load_model(path)
    after_load = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after_load, torch.rand(1)), "loading must not consume random numbers"
    assert loaded.config == model.config
    tokens = torch.arange(10).reshape(1, 10)
    assert torch.equal(loaded(tokens), model(tokens))


def test_other_safetensors_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UsageError, match="not a reference_model checkpoint"):
        read_header(path)
    path.write_bytes(b"short")
    with pytest.raises(UsageError, match="cannot be read as safetensors"):
        read_header(path)
    with pytest.raises(UsageError, match=r"missing\.safetensors"):
        load_model(tmp_path / "missing.safetensors")


def test_resume_state_round_trip_and_damage(tmp_path):
    assert load_resume_state(tmp_path) is None
    parts = {"settings": {}, "optimizer": {}, "rng": torch.get_rng_state()}
    save_resume_state(tmp_path, parts | {"step": 3, "model": {"x": torch.ones(2)}})
    state = load_resume_state(tmp_path)
    assert state is not None
    assert state["step"] == 3
    (tmp_path / "resume.pt").write_bytes(b"half a file")
    with pytest.raises(UsageError, match=r"resume\.pt: damaged"):
        load_resume_state(tmp_path)


def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file):
        file.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_litter_of_killed_processes_is_removed(tmp_path):
    (tmp_path / ".resume.pt.abc.tmp").write_text("half")
    (tmp_path / "resume.pt").write_text("whole")
    remove_litter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["resume.pt"]


def test_metrics_after_the_resumed_step_and_broken_lines_are_cut(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [metrics_of(step).to_json() for step in (1, 2, 3)]
    path.write_bytes("\n".join(lines).encode() + b'\n{"step": 4, "tok\xff')
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 2, 3]
    metrics = MetricsFile(tmp_path, last_step=2)
    metrics.append(metrics_of(3))
    metrics.close()
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 2, 3]


def test_metrics_are_strict_json(tmp_path):
    line = metrics_of(1, loss=math.nan).to_json()
    values = json.loads(line, parse_constant=lambda constant: pytest.fail(constant))
    assert values["train_loss"] is None
    assert list(values) == [
        *("step", "tokens", "train_loss", "validation_loss"),
        *("learning_rate", "gradient_norm", "seconds"),
    ]
