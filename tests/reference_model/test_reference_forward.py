"""The models against plain NumPy, and the properties the equations promise."""

import numpy as np
import plain_models
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import SHAPE, make_config, shake

from reference_model.fused import fuse, rotate
from reference_model.model import Rotary
from reference_model.model import build_model as build_plain

VARIANTS = {
    "gpt": ("gpt", {}),
    "ngpt": ("ngpt", {}),
    "ngpt short-run constants": ("ngpt", {"alpha_init": 0.2, "s_z_init": 10.0}),
    "ngpt all constants": (
        "ngpt",
        {
            "s_qk_init": 0.33,
            "s_qk_scale": 1.0,
            "s_u_init": 0.7,
            "s_u_scale": 0.3,
            "s_nu_init": 1.3,
            "s_nu_scale": 0.4,
            "s_z_init": 4.0,
            "s_z_scale": 1.0,
            "alpha_scale": 0.1,
        },
    ),
    "ngpt slerp": ("ngpt", {"interpolation": "slerp", "alpha_init": 0.3}),
    "ngpt no qk norm": ("ngpt", {"qk_norm": False}),
    **{
        f"ngpt {name} {granularity}": ("ngpt", {f"{name}_granularity": granularity})
        for name in ("alpha", "s_qk", "s_mlp", "s_z")
        for granularity in ("scalar", "fixed")
    },
}


def build_model(config):
    """Build a model as it trains."""
    return fuse(build_plain(config))


@pytest.mark.parametrize("build", [build_plain, build_model], ids=["plain", "fused"])
@pytest.mark.parametrize(("architecture", "changes"), VARIANTS.values(), ids=VARIANTS)
def test_forward_equals_numpy(architecture, changes, build):
    config = make_config(architecture, **changes)
    model = shake(build(config)).double()
    model.rotary = Rotary64(config)
    tokens = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 5], [2, 7, 1, 8, 2, 8, 1, 8, 2]])
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    plain = getattr(plain_models, f"{architecture}_logits")
    expected = np.stack([plain(weights, config, row) for row in tokens.numpy()])
    with torch.no_grad():
        np.testing.assert_allclose(model(tokens).numpy(), expected, rtol=1e-9, atol=1e-9)
        loss = plain_models.cross_entropy(expected[:, :-1].reshape(-1, 23), tokens[:, 1:].flatten())
        assert model(tokens[:, :-1], tokens[:, 1:]).item() == pytest.approx(loss, rel=1e-9)


class Rotary64(Rotary):
    """The tables without their rounding to float32."""

    def _tables(self, length, device=None):
        previous = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return super()._tables(length, device)
        finally:
            torch.set_default_dtype(previous)


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_bfloat16_autocast_stays_close_to_float32(architecture):
    model = shake(build_model(make_config(architecture)))
    tokens = torch.arange(12).reshape(1, 12)
    with torch.no_grad():
        exact = model(tokens)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(tokens).float()
    assert (rounded - exact).abs().max() < 0.02 * exact.abs().max() + 1e-3


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_later_tokens_do_not_change_earlier_logits(architecture):
    model = shake(build_model(make_config(architecture)))
    tokens = torch.randint(0, 23, (1, 12), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[0, 7:] = (changed[0, 7:] + 1) % 23
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :7], after[:, :7], rtol=0, atol=1e-6)
    assert (before[:, 7:] - after[:, 7:]).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["gpt", "ngpt", "ngpt slerp", "ngpt no qk norm"])
def test_gradients_reach_every_parameter(name):
    architecture, changes = VARIANTS[name]
    model = shake(build_model(make_config(architecture, **changes)))
    tokens = torch.randint(0, 23, (8, 13), generator=torch.Generator().manual_seed(2))
    model(tokens[:, :-1], tokens[:, 1:]).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_rotary_logits_depend_on_relative_position_only(first, second, shift, seed):
    rotary = Rotary64(make_config("gpt", d_model=64, context_length=1))
    cosines, sines = rotary(1200)
    generator = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, 1, 1, 1, 32, generator=generator, dtype=torch.float64)

    def at(x, position):
        return rotate(x, cosines[position : position + 1], sines[position : position + 1])

    here = (at(q, first) * at(k, second)).sum()
    there = (at(q, first + shift) * at(k, second + shift)).sum()
    assert here.item() == pytest.approx(there.item(), abs=1e-10)
    assert at(q, first).norm().item() == pytest.approx(q.norm().item(), rel=1e-12)
    if first:
        assert (at(q, first) - q).abs().max() > 1e-3  # it does turn


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_context_longer_than_trained_extends_the_tables(architecture):
    model = shake(build_model(make_config(architecture)))
    tokens = torch.randint(0, 23, (1, 40), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        long, short = model(tokens), model(tokens[:, :12])
    torch.testing.assert_close(long[:, :12], short, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by dynamo
@pytest.mark.slow  # four seconds of compiling lines that run above
@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_torch_compile_takes_the_whole_model_as_one_graph(architecture):
    model = shake(build_model(make_config(architecture, n_layers=1)))
    tokens = torch.randint(0, 23, (2, 13), generator=torch.Generator().manual_seed(4))
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)  # needs no C++ compiler
    results = []
    for called in (model, compiled):
        model.zero_grad()
        loss = called(inputs, targets)
        loss.backward()
        results.append([loss.detach(), *(p.grad.clone() for p in model.parameters())])
    torch._dynamo.reset()
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_hidden_states_of_ngpt_stay_on_the_sphere():
    model = shake(build_model(make_config("ngpt")))
    seen = []
    for layer in model.layers:
        layer.register_forward_hook(lambda _module, _inputs, h: seen.append(h))
    model(torch.arange(12).reshape(1, 12))
    assert len(seen) == SHAPE["n_layers"]
    for h in seen:
        torch.testing.assert_close(h.norm(dim=-1), torch.ones(1, 12))
