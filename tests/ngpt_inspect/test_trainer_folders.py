"""Folders named for steps are runs: checkpoints, losses, steps, labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from models import LLAMA_NAMES, named, tiny_gpt
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import UnreadableFile, WrongOption
from ngpt_inspect.finding import found_below
from ngpt_inspect.run_log import read_metrics
from ngpt_inspect.run_status import run_status
from ngpt_inspect.runs import checkpoints_of, is_run, log_of, run_of, step_files

Cli = Callable[..., Result]
CONFIG = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 4}
HISTORY: list[dict[str, Any]] = [
    {"epoch": 0.1, "step": 250, "loss": 3.5, "learning_rate": 1e-3, "grad_norm": 0.5},
    {"epoch": 0.2, "step": 300, "eval_loss": 3.25, "eval_runtime": 1.0},
    {"epoch": 0.3, "step": 500, "loss": 3.0, "learning_rate": 5e-4, "grad_norm": 0.25},
    {"epoch": 0.3, "step": 500, "eval_loss": 2.9},
    {"epoch": 0.3, "step": 500, "train_loss": 9.0, "train_runtime": 5.0},
]


def write_model(folder: Path, seed: int = 1, **state: Any) -> Path:
    """Write what Trainer writes into one checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(named(tiny_gpt(seed=seed), LLAMA_NAMES, torch.float32), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    torch.save({"state": {}}, folder / "optimizer.pt")
    torch.save({"a": 1}, folder / "training_args.bin")
    if state:
        (folder / "trainer_state.json").write_text(json.dumps(state))
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for step in (1000, 500):
        history = [{**each, "step": each["step"] * step // 500} for each in HISTORY]
        write_model(
            tmp_path / "out" / f"checkpoint-{step}",
            seed=step,
            **{"global_step": step, "max_steps": 2000, "log_history": history},
        )
    return tmp_path / "out"


def test_the_folder_is_a_run(out: Path) -> None:
    assert is_run(out)
    assert [path.name for path in step_files(out).values()] == ["checkpoint-500", "checkpoint-1000"]
    assert [Path(each).name for each in checkpoints_of(str(out), "500")] == ["checkpoint-500"]
    names = [Path(each).name for each in checkpoints_of(str(out), "1000,500,500, 1000")]
    assert names == ["checkpoint-1000", "checkpoint-500"], "each once, as they are asked for"
    last = ni.open_checkpoint(out)
    assert (last.label, last.step, last.shape.n_heads) == ("out", 1000, 4)
    both = [ni.open_checkpoint(path) for path in checkpoints_of(str(out), "all")]
    assert [(each.label, each.step) for each in distinct(both)] == [("out", 500), ("out", 1000)]
    with pytest.raises(WrongOption, match="there are 500, 1000"):
        checkpoints_of(str(out), "7")


def test_the_step_of_the_state_goes_before_the_name(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "run" / "checkpoint-7", global_step=500)
    assert ni.open_checkpoint(folder).step == 500
    (folder / "trainer_state.json").unlink()
    assert ni.open_checkpoint(folder).step == 7


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (("step0", "step1", "step512"), [0, 1, 512]),
        (("step1000-tokens4B", "step2000-tokens8.5B"), [1000, 2000]),
        (("iter_0000500", "iter_0001000"), [500, 1000]),
        (("global_step10", "global_step9"), [9, 10]),
        (("ckpt-1", "ckpt-2"), [1, 2]),
    ],
)
def test_names_of_folders(names: tuple[str, ...], steps: list[int], tmp_path: Path) -> None:
    for name in names:
        write_model(tmp_path / "pythia" / name)
    (tmp_path / "pythia" / "step99").mkdir()
    (tmp_path / "pythia" / "step98").write_text("no folder")
    assert list(step_files(tmp_path / "pythia")) == steps
    table = ni.measure([*step_files(tmp_path / "pythia").values()], "embedding_norms")
    assert table["step"].dropna().unique().tolist() == steps
    assert set(table["checkpoint"]) == {"pythia"}
    assert "hold the very same weights" in table.attrs["remarks"][0]


def test_a_name_that_says_more_than_a_step_is_a_label(tmp_path: Path) -> None:
    model = ni.open_checkpoint(write_model(tmp_path / "models" / "gpt-step-2000"))
    assert (model.label, model.step) == ("gpt-step-2000", 2000)


def test_models_of_several_runs_are_no_run(tmp_path: Path) -> None:
    for name in ("gpt-step-2000", "llama-step-3000"):
        write_model(tmp_path / name)
    assert step_files(tmp_path) == {}


def test_files_named_for_steps(tmp_path: Path) -> None:
    tensors = named(tiny_gpt(), LLAMA_NAMES, torch.float32)
    for name in ("epoch=0-step=100.ckpt", "epoch=1-step=200.ckpt", "last.ckpt"):
        torch.save({"state_dict": tensors}, tmp_path / name)
    assert list(step_files(tmp_path)) == [100, 200]
    assert ni.open_checkpoint(tmp_path).step == 200
    torch.save({"state_dict": tensors}, tmp_path / "other-step=300.ckpt")
    assert step_files(tmp_path) == {}
    with pytest.raises(UnreadableFile, match="holds 4 checkpoints, and none has the usual name"):
        ni.open_checkpoint(tmp_path)


def test_a_model_beside_its_steps_comes_first(out: Path) -> None:
    write_model(out, seed=9)
    assert ni.open_checkpoint(out).contents.source == str(out / "model.safetensors")
    assert len(checkpoints_of(str(out), "all")) == 2


def test_metrics_of_a_trainer(out: Path) -> None:
    assert log_of(out) == out / "checkpoint-1000" / "trainer_state.json"
    metrics = read_metrics(out)
    assert metrics["step"].tolist() == [500, 600, 1000]
    assert metrics["train_loss"].fillna(-1).tolist() == [3.5, -1, 3.0]
    assert metrics["validation_loss"].fillna(-1).tolist() == [-1, 3.25, 2.9]
    assert metrics["learning_rate"].fillna(-1).tolist() == [1e-3, -1, 5e-4]
    shutil.copy(out / "checkpoint-500" / "trainer_state.json", out)
    assert read_metrics(out)["step"].tolist() == [250, 300, 500]
    (out / "metrics.jsonl").write_text('{"step": 1}\n')
    assert read_metrics(out)["step"].tolist() == [1]


def test_losses_of_a_trainer_are_training_results(out: Path) -> None:
    losses = ni.training_results("losses", out)
    assert losses["step"].tolist() == [600, 1000]
    assert losses["validation_loss"].tolist() == [3.25, 2.9]
    assert set(losses["steps"]) == {2000}
    assert set(losses["learning_rate"]) == {1e-3}
    assert "batch_size 1" in losses.attrs["remarks"][0]
    curves = ni.training_results("training_curves", ni.open_checkpoint(out))
    assert set(curves["quantity"]) >= {"train_loss", "validation_loss"}
    assert ni.figure("training_curves", out).data


def test_what_a_trainer_says_of_its_tokens_counts(out: Path) -> None:
    path = out / "checkpoint-1000" / "trainer_state.json"
    state = json.loads(path.read_text()) | {"train_batch_size": 8}
    for entry in state["log_history"]:
        entry["num_input_tokens_seen"] = entry["step"] * 8 * 64
    path.write_text(json.dumps(state))
    losses = ni.training_results("losses", out)
    assert losses["tokens"].tolist() == [600 * 512, 1000 * 512]
    assert set(losses["context_length"]) == {64}
    assert set(losses["batch_size"]) == {8}


def test_status(out: Path) -> None:
    status = run_status(out)
    assert (status.step, status.steps, status.saved) == (1000, 2000, (500, 1000))
    assert not status.diverged


def test_summary_and_differences(out: Path, cli: Cli) -> None:
    assert "validation loss at step 1000" in cli("summary", str(out)).stdout
    steps = [ni.open_checkpoint(path) for path in checkpoints_of(str(out), "all")]
    assert not ni.differences(steps).empty
    assert "log_history" not in steps[0].contents.lookup("trainer_state")


def test_a_walk_lists_the_run_once(out: Path) -> None:
    assert found_below(out.parent).paths == ("out",)


def test_run_of(out: Path) -> None:
    inner = out / "checkpoint-500" / "model.safetensors"
    assert [run_of(path) for path in (out, inner.parent, inner)] == [out] * 3
    assert run_of(write_model(out / "eval") / "model.safetensors") is None
    assert run_of(out.parent) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        '{"log_history": 3}',
        '{"log_history": [3, {"step": "x"}, {"step": 1, "loss": "low"}]}',
        '{"log_history": [{"step": 2, "loss": 1e999}]}',
        '{"global_step": "x", "max_steps": [1]}',
        '{"global_step": 1' + "0" * 400 + "}",
        "[" * 100_000,
    ],
)
def test_a_damaged_state_is_one_line_or_nothing(text: str, out: Path) -> None:
    (out / "checkpoint-1000" / "trainer_state.json").write_text(text)
    for read in (read_metrics, ni.open_checkpoint, lambda it: ni.training_results("losses", it)):
        said = refusal_of(read, out)
        assert said.isprintable() or said == ""


def refusal_of(read: Callable[[Path], object], path: Path) -> str:
    """Return what is said against a path; empty where it can be read."""
    try:
        read(path)
    except ni.InspectError as error:
        return f"{error}; {error.next_step}"
    return ""


def test_a_folder_of_models_lists_the_command_for_each(tmp_path: Path) -> None:
    for name in ("gpt", "my llama"):
        write_model(tmp_path / name)
    (tmp_path / "notes").mkdir()
    with pytest.raises(UnreadableFile) as caught:
        ni.open_checkpoint(tmp_path)
    assert f"`ngpt-inspect summary {tmp_path}/gpt`" in str(caught.value)
    assert f"`ngpt-inspect summary '{tmp_path}/my llama'`" in str(caught.value)
    assert "notes" not in str(caught.value)
