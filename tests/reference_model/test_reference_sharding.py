"""A model sharded over several ranks trains, saves and resumes as one that is whole."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sharded_runs import CONFIGS, WAYS, command, run
from small_runs import make_config, make_data, make_train_config

from reference_model.errors import UsageError
from reference_model.model import build_model
from reference_model.train import main
from reference_model.training.loop import train
from reference_model.training.metrics import read_metrics

ROOT = Path(__file__).parents[2]
FIRST = "step-000000.safetensors"
LAST = "step-000006.safetensors"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Folder of the runs of one process."""
    folder = tmp_path_factory.mktemp("sharding")
    text = folder / "text.txt"
    text.write_text("".join(f"{i} times {i} is {i * i}\n" for i in range(3000)))
    for name in CONFIGS:
        run(folder / name, name)
    for name, way in WAYS.items():
        run(folder / name, "gpt", **way)
    run(folder / "cut", stop_after=5)
    assert main(command(text, folder / "command")) == 0
    return folder


# Ranks that find each other and train take half a minute.
@pytest.fixture(scope="module", params=[pytest.param(n, marks=pytest.mark.slow) for n in (2, 3)])
def sharded(request, alone):
    """Folder of the runs of several ranks, and what each rank found."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launcher += ["--nproc-per-node", str(request.param)]
    launcher += [str(Path(__file__).with_name("sharded_runs.py")), str(alone)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["PYTHONFAULTHANDLER"] = "1"  # a rank that dies says where
    with subprocess.Popen(launcher, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, error = process.communicate(timeout=900)
        finally:
            process.terminate()  # ranks that wait for each other would do so for half an hour
    assert process.returncode == 0, error
    assert "Warning" not in error
    folder = alone / f"ranks-{request.param}"
    files = [folder / f"rank-{rank}.json" for rank in range(request.param)]
    return SimpleNamespace(folder=folder, ranks=[json.loads(file.read_text()) for file in files])


def curves(out):
    """Training loss, validation loss and gradient norm of every step."""
    names = ("train_loss", "validation_loss", "gradient_norm")
    return np.array([[line[name] for name in names] for line in read_metrics(out)], dtype=float)


def assert_same_curves(found, expected, rtol):
    assert len(curves(found)) == len(curves(expected)) > 0
    np.testing.assert_allclose(curves(found), curves(expected), rtol=rtol, equal_nan=True)


@pytest.mark.parametrize("name", CONFIGS)
def test_losses_and_gradient_norms_are_those_of_one_process(alone, sharded, name):
    assert curves(alone / name)[:, 2].min() > 0.1  # so that every step is clipped
    assert_same_curves(sharded.folder / name, alone / name, rtol=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_files_are_those_of_one_process(alone, sharded, name):
    found, expected = sharded.folder / name, alone / name
    assert {path.name for path in found.iterdir()} == {path.name for path in expected.iterdir()}
    for step, tolerance in (("step-000000.safetensors", 0), (LAST, 1e-5)):
        weights = load_file(expected / step)
        torch.testing.assert_close(load_file(found / step), weights, rtol=0, atol=tolerance)
    first = [folder / "ngpt" / "step-000000.safetensors" for folder in (sharded.folder, alone)]
    assert first[0].read_bytes() == first[1].read_bytes()  # the header too


@pytest.mark.parametrize("name", ["ngpt", "odd"])
def test_every_matrix_ends_on_the_sphere(sharded, name):
    weights = load_file(sharded.folder / name / LAST)
    matrices = {key: tensor for key, tensor in weights.items() if key.endswith(".weight")}
    assert len(matrices) == 2 + 2 * 7
    for key, matrix in matrices.items():
        axis = 0 if key.endswith(("W_o.weight", "W_oMLP.weight")) else 1
        norms = matrix.double().square().sum(axis).sqrt()
        assert (norms - 1).abs().max() < 3e-7, key


def test_interrupted_run_resumes_to_the_same_bits(sharded):
    whole, cut = sharded.folder / "ngpt", sharded.folder / "cut"
    np.testing.assert_array_equal(curves(cut), curves(whole))
    assert (cut / LAST).read_bytes() == (whole / LAST).read_bytes()


def test_run_moves_from_one_process_to_ranks_and_back(alone, sharded, tmp_path):
    assert_same_curves(sharded.folder / "cut-by-one", alone / "ngpt", rtol=1e-6)
    shutil.copytree(sharded.folder / "cut-for-one", tmp_path / "run")
    run(tmp_path / "run", resume=True)
    assert_same_curves(tmp_path / "run", alone / "ngpt", rtol=1e-6)


def test_resume_file_is_that_of_one_process(alone, sharded):
    found, expected = (
        torch.load(folder / "ngpt" / "resume.pt", weights_only=True)
        for folder in (sharded.folder, alone)
    )
    assert found["settings"] == expected["settings"]
    assert found["optimizer"]["param_groups"] == expected["optimizer"]["param_groups"]
    for part in ("model", "optimizer"):
        torch.testing.assert_close(
            found[part].get("state", found[part]),
            expected[part].get("state", expected[part]),
            rtol=1e-4,
            atol=1e-6,
        )


@pytest.mark.parametrize("way", WAYS)
def test_other_optimizers_step_and_resume_as_in_one_process(alone, sharded, way):
    # Muon's Newton-Schulz is in bfloat16, whose sums depend on how they are cut
    rtol = 1e-6 if way == "adamh" else 1e-2
    assert_same_curves(sharded.folder / way, alone / way, rtol)


@pytest.mark.parametrize("way", [way for way in WAYS if way.endswith("h")])
def test_hyperball_holds_the_norm_of_whole_matrices(sharded, way):
    first, last = (load_file(sharded.folder / way / name) for name in (FIRST, LAST))
    for name in first:
        if name.startswith("layers.") and name.endswith(".weight"):
            norms = [tensors[name].double().norm().item() for tensors in (first, last)]
            assert norms[1] == pytest.approx(norms[0], rel=4 * torch.finfo(torch.float32).eps)
            assert not torch.equal(first[name], last[name])


def test_autocast_rounds_as_in_copies(sharded):
    assert_same_curves(sharded.folder / "rounded", sharded.folder / "rounded-copies", rtol=1e-3)
    exact = curves(sharded.folder / "ngpt")
    assert abs(curves(sharded.folder / "rounded") - exact)[:, 0].max() > 1e-4  # it does round


def test_copies_of_a_whole_model_train_like_one_process(alone, sharded):
    assert_same_curves(sharded.folder / "copies", alone / "ngpt", rtol=2e-5)
    assert_same_curves(sharded.folder / "command-copies", alone / "command", rtol=2e-5)


def test_command_line_shards(alone, sharded):
    assert_same_curves(sharded.folder / "command", alone / "command", rtol=1e-6)


def test_each_rank_holds_a_slice(sharded):
    for name, parameter in build_model(CONFIGS["odd"]).named_parameters():
        row = parameter[0].numel()
        share = -(-len(parameter) // len(sharded.ranks)) * row  # torch.chunk rounds up
        held = np.array([rank["lengths"][name] for rank in sharded.ranks])  # ranks, kinds of tensor
        assert held.max() <= share
        assert (held.sum(0) == parameter.numel()).all()


def test_micro_batches_send_nothing_before_the_last(sharded):
    assert all(rank["unsent"] for rank in sharded.ranks)


def test_gradient_that_one_rank_cannot_use_stops_all(sharded):
    assert {rank["error"].split(":")[0] for rank in sharded.ranks} == {"step 6"}
    lines = read_metrics(sharded.folder / "diverged")
    assert [line["gradient_norm"] is None for line in lines] == [False] * 5 + [True]
    state = torch.load(sharded.folder / "diverged" / "resume.pt", weights_only=True)
    assert state["step"] == 4


def test_one_process_cannot_shard(tmp_path, capsys):
    with pytest.raises(UsageError, match="this process is alone"):
        train(make_config("gpt"), make_train_config(), make_data(), tmp_path, sharded=True)
    text = tmp_path / "text.txt"
    text.write_text("one two three " * 200)
    assert main([*command(text, tmp_path / "out"), "--shard"]) == 2
    error = capsys.readouterr().err
    assert "start it with torchrun --nproc-per-node N, or leave --shard out" in error
    assert error.count("\n") == 1
