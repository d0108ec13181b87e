"""The real nGPT-pytorch of lucidrains: what its forward pass multiplies by is what we report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

pytest.importorskip("nGPT_pytorch", reason="the extra 'families' is not installed (ngpt-pytorch)")
pytestmark = pytest.mark.filterwarnings("ignore")

HEADS, D_K, D, LAYERS, VOCAB = 4, 8, 24, 3, 40
DRIFT = 1.3


def build(**options: Any) -> torch.nn.Module:
    """Return a model after one step of Adam and a drift of its stored matrices off the sphere."""
    from nGPT_pytorch import nGPT as module

    library = sys.modules[module.__module__]

    # The release compares its modules and so lost their hash, which torch needs to walk them.
    for kind in vars(library).values():
        if isinstance(kind, type) and kind.__hash__ is None:
            kind.__hash__ = torch.nn.Module.__hash__
    torch.manual_seed(4)
    net = library.nGPT(num_tokens=VOCAB, dim=D, depth=LAYERS, dim_head=D_K, heads=HEADS, **options)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    net(torch.randint(VOCAB, (2, 9)), return_loss=True).backward()
    optimizer.step()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith(("weight.original", "linear.weight")):
                parameter.mul_(DRIFT)
    return net


@pytest.fixture(scope="module", params=["parametrised", "manual", "tied"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[torch.nn.Module, WeightSet]:
    options = {
        "parametrised": {},
        "manual": {"manual_norm_weights": True},
        "tied": {"tied_embedding": True},
    }
    net = build(**options[request.param])
    path: Path = tmp_path_factory.mktemp("lucidrains") / f"{request.param}.pt"
    torch.save(net.state_dict(), path)
    return net, open_checkpoint(path, heads=HEADS)


def test_every_tensor_is_placed(pair: tuple[torch.nn.Module, WeightSet]) -> None:
    net, opened = pair
    assert opened.architecture == "lucidrains_ngpt"
    assert opened.unrecognised == ()
    assert (opened.shape.n_layers, opened.shape.d_k, opened.shape.n_heads) == (LAYERS, D_K, HEADS)
    tied = net.to_logits is None
    assert (opened.absent.get(Role.E_OUTPUT) == "tied to E_input") == tied


@torch.no_grad()
def test_matrices_are_those_of_the_forward_pass(pair: tuple[torch.nn.Module, WeightSet]) -> None:
    """A linear module without bias returns its matrix when it is given the unit vectors."""
    net, opened = pair
    for layer, (attention, mlp) in enumerate(net.layers):
        modules = {
            Role.W_Q: attention.fn.to_q,
            Role.W_K: attention.fn.to_k,
            Role.W_V: attention.fn.to_v,
            Role.W_O: attention.fn.to_out,
            Role.W_U: mlp.fn.to_hidden,
            Role.W_NU: mlp.fn.to_gate,
            Role.W_O_MLP: mlp.fn.to_out,
        }
        for role, module in modules.items():
            weight = opened.get(role, layer)
            matrix = module(torch.eye(module.dim)).T
            torch.testing.assert_close(weight.values(), matrix, rtol=1e-6, atol=1e-7)
            heads = weight.heads(weight.values())
            if heads is not None:
                cut = matrix.T if role is Role.W_O else matrix
                wanted = torch.stack([cut[h * D_K : (h + 1) * D_K] for h in range(HEADS)])
                found, wanted = map(torch.linalg.svdvals, (heads.double(), wanted.double()))
                np.testing.assert_allclose(found, wanted, rtol=1e-5)
    ids = torch.arange(VOCAB)
    torch.testing.assert_close(opened.get(Role.E_INPUT).values(), net.token_embed.weight[ids])


@torch.no_grad()
def test_scales_are_those_of_the_forward_pass(pair: tuple[torch.nn.Module, WeightSet]) -> None:
    net, opened = pair
    for layer, (attention, mlp) in enumerate(net.layers):
        scales = {
            Role.ALPHA_A: attention.branch_scale(),
            Role.ALPHA_M: mlp.branch_scale(),
            Role.S_Q: attention.fn.qk_scale().reshape(HEADS, D_K),
            Role.S_U: mlp.fn.hidden_scale(),
            Role.S_NU: mlp.fn.gate_scale(),
        }
        for role, wanted in scales.items():
            found = opened.get(role, layer).values()
            torch.testing.assert_close(found.float(), wanted, rtol=1e-6, atol=0)
    s_z = opened.get(Role.S_Z).values()
    torch.testing.assert_close(s_z.float(), net.logit_scale(), rtol=1e-6, atol=0)
