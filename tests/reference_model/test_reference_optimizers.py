"""AdamW, Muon and Hyperball: who decays, what a step is, and that a resumed run repeats it."""

import math

import numpy as np
import pytest
import torch
from small_runs import interrupted, make_config, make_data, make_train_config, results, train_small
from torch import nn

from reference_model.checkpoint import checkpoint_path, read_header
from reference_model.errors import UsageError
from reference_model.model import build_model
from reference_model.schedule import decay_exposure, learning_rate
from reference_model.training.hyperball import hold_norms
from reference_model.training.optimizer import make_optimizers
from reference_model.training.ranks import Ranks
from reference_model.training.trainer import Trainer

CPU = Ranks(0, 1, torch.device("cpu"))
EPS = torch.finfo(torch.float32).eps
WAYS = [
    {"optimizer": "adamw"},
    {"optimizer": "muon"},
    {"optimizer": "adamw", "hyperball": True},
    {"optimizer": "muon", "hyperball": True},
]
needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9")


def make_model(architecture="gpt"):
    torch.manual_seed(0)
    return build_model(make_config(architecture))


def names_of(model, optimizers, decays=None):
    """Names of the parameters by optimizer; only those that decay or do not, if asked for."""
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        key: {
            name_of[id(p)]
            for group in optimizer.param_groups
            if decays is None or (group["weight_decay"] > 0) == decays
            for p in group["params"]
        }
        for key, optimizer in optimizers.items()
    }


def layers_matrices(model):
    names = (name for name, _ in model.named_parameters())
    return {n for n in names if n.startswith("layers.") and n.endswith(".weight")}


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_every_parameter_has_one_optimizer_and_only_matrices_decay(architecture, way):
    if way["optimizer"] == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("torch before 2.9")
    model = make_model(architecture)
    settings = make_train_config(weight_decay=0.1, no_decay=("W_k", "E_input"), **way)
    optimizers = make_optimizers(model, settings)
    parts = names_of(model, optimizers)
    everything = [name for part in parts.values() for name in part]
    assert sorted(everything) == sorted(name for name, _ in model.named_parameters())
    assert parts.get("muon", set()) == (
        layers_matrices(model) if way["optimizer"] == "muon" else set()
    )
    decaying = set().union(*names_of(model, optimizers, decays=True).values())
    matrices = {name for name in everything if name.endswith(".weight")}
    spared = {n for n in matrices if n.split(".")[-2] in ("W_k", "E_input")}
    held = layers_matrices(model) if way.get("hyperball") else set()
    assert decaying == matrices - spared - held


def test_a_matrix_without_gradient_decays_by_the_exposure():
    settings = make_train_config(steps=500, weight_decay=0.3, warmup_steps=20, no_decay=("W_q",))
    model = make_model("gpt").double()
    (optimizer,) = make_optimizers(model, settings).values()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for step in range(1, 401):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    parts = [0.3 * learning_rate(settings, step) for step in range(1, 401)]
    left = math.prod(1 - part for part in parts)
    exposure = decay_exposure(settings, 400)
    assert exposure < -math.log(left) < exposure + sum(part**2 for part in parts)
    for name, parameter in model.named_parameters():
        shrinks = name.endswith(".weight") and ".W_q." not in name
        expected = before[name] * (left if shrinks else 1.0)
        torch.testing.assert_close(
            parameter.detach(), expected, rtol=400 * np.finfo(float).eps, atol=0
        )


def test_exposure_is_the_sum_of_rate_times_decay_and_stands_in_the_files(tmp_path):
    settings = make_train_config(steps=12, weight_decay=0.2, warmup_steps=3)
    expected = [0.2 * sum(learning_rate(settings, s) for s in range(1, n + 1)) for n in range(13)]
    assert [decay_exposure(settings, n) for n in range(13)] == pytest.approx(expected, rel=1e-14)
    assert decay_exposure(settings) == decay_exposure(settings, 12)
    # sums of the ramp over 3 steps and of the cosine over 9: (n + 1) / 2 times the peak each
    assert decay_exposure(settings) == pytest.approx(0.2 * 3e-3 * (2 + 5), rel=1e-14)
    train_small(tmp_path, "gpt", weight_decay=0.2, warmup_steps=3, checkpoint_steps=(5,))
    for step in (5, 12):
        header = read_header(checkpoint_path(tmp_path, step))
        assert header.decay_exposure == pytest.approx(expected[step], rel=1e-14)


def test_eps_is_that_of_adamw():
    model = make_model("gpt")
    (optimizer,) = make_optimizers(model, make_train_config(eps=1e-3)).values()
    weight = model.layers[0].attention.W_q.weight
    before = weight.detach().double()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    optimizer.step()
    # after one step the moments are g and g^2, once their bias is corrected
    step = make_train_config().learning_rate * 1e-3 / (1e-3 + 1e-3)
    assert (before - weight.detach().double()).mean() == pytest.approx(step, rel=1e-4)


@needs_muon
@pytest.mark.parametrize("shape", [(16, 16), (40, 16), (16, 40)])
def test_muon_takes_an_orthogonal_step_of_the_size_of_adamws(shape):
    model = nn.ModuleDict({"W_u": nn.Linear(shape[1], shape[0], bias=False)})
    model["E_input"] = nn.Embedding(3, 4)
    settings = make_train_config(optimizer="muon", learning_rate=1e-2, momentum=0.0)
    optimizers = make_optimizers(model, settings)
    weight = model["W_u"].weight
    before = weight.detach().double().numpy().copy()
    gradient = np.random.default_rng(0).standard_normal(shape)
    weight.grad = torch.tensor(gradient, dtype=torch.float32)
    optimizers["muon"].step()
    step = before - weight.detach().double().numpy()
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    along = np.diag(left.T @ step @ right.T) / (1e-2 * 0.2 * math.sqrt(max(shape)))
    # Newton-Schulz in bfloat16 leaves singular values of 0.7 to 1.2 (Jordan et al., Muon, 2024)
    assert ((along > 0.6) & (along < 1.3)).all()
    assert np.linalg.norm(step) == pytest.approx(
        1e-2 * 0.2 * math.sqrt(max(shape)) * np.linalg.norm(along), rel=0.02
    )


def test_a_torch_without_muon_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(UsageError) as caught:
        make_optimizers(make_model(), make_train_config(optimizer="muon"))
    assert f"this is torch {torch.__version__}; update torch, or use" in str(caught.value)
    assert "\n" not in str(caught.value)


def adam_direction(gradients, beta1=0.9, beta2=0.95, eps=1e-8):
    """AdamW's update for its last gradient in float64, but for the learning rate."""
    mean, square = 0.0, 0.0
    for gradient in gradients:
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
    n = len(gradients)
    return -(mean / (1 - beta1**n)) / (np.sqrt(square / (1 - beta2**n)) + eps)


def test_a_step_on_the_hyperball_is_that_of_the_paper():
    random = np.random.default_rng(1)
    weight = nn.Parameter(torch.tensor(random.standard_normal((6, 4))))
    optimizer = torch.optim.AdamW([weight], lr=0.1, betas=(0.9, 0.95), weight_decay=0.0)
    hold_norms(optimizer, [weight])
    expected, gradients = weight.detach().numpy().copy(), []
    radius = np.linalg.norm(expected)
    for rate in (0.1, 0.05, 0.3):
        gradients.append(random.standard_normal((6, 4)))
        weight.grad = torch.tensor(gradients[-1])
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        direction = adam_direction(gradients)
        moved = expected + rate * radius * direction / np.linalg.norm(direction)
        expected = radius * moved / np.linalg.norm(moved)
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12, atol=1e-13)


@needs_muon
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_hyperball_keeps_norms_and_the_relative_size_of_steps(architecture, optimizer):
    settings = make_train_config(
        steps=12, optimizer=optimizer, hyperball=True, weight_decay=0.1, learning_rate=0.02
    )
    trainer = Trainer(make_config(architecture), settings, make_data(), CPU)
    held = {
        n: p for n, p in trainer.model.named_parameters() if n in layers_matrices(trainer.model)
    }
    start = {n: np.linalg.norm(p.detach().double().numpy()) for n, p in held.items()}
    for step in range(1, 13):
        before = {n: p.detach().double().numpy().copy() for n, p in held.items()}
        trainer.take_step()
        for name, parameter in held.items():
            now = parameter.detach().double().numpy()
            # a norm is rounded as its square root of a sum is, and each entry once more
            assert np.linalg.norm(now) == pytest.approx(start[name], rel=4 * EPS)
            if architecture == "gpt":  # nGPT's rows are normalised once more
                chord = np.linalg.norm(now - before[name]) / start[name]
                assert chord <= learning_rate(settings, step) * (1 + 1e-3) + 2 * EPS
                assert chord >= 0.9 * learning_rate(settings, step) - 2 * EPS


@pytest.mark.parametrize(
    "way",  # the last has all there is to keep; AdamW's own runs are resumed elsewhere
    [*(pytest.param(way, marks=pytest.mark.slow) for way in WAYS[1:3]), WAYS[3]],
    ids=str,
)
def test_a_run_of_any_optimizer_learns_and_goes_on_exactly(tmp_path, way):
    if way["optimizer"] == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("torch before 2.9")
    settings = {"learning_rate": 1e-2, "steps": 24, "weight_decay": 0.1, **way}
    train_small(tmp_path / "whole", "gpt", **settings)
    with interrupted(after=9):  # one step past a save
        train_small(tmp_path / "cut", "gpt", **settings)
    train_small(tmp_path / "cut", "gpt", resume=True, **settings)
    losses, files = results(tmp_path / "whole")
    assert results(tmp_path / "cut") == (losses, files)
    assert losses[-1][1] < losses[0][1] - 0.1
    with pytest.raises(UsageError, match="holds a run with"):
        train_small(tmp_path / "cut", "gpt", **(settings | {"optimizer": "adamw", "eps": 1e-5}))
