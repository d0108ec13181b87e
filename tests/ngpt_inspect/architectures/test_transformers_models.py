"""Models of Hugging Face transformers, saved by it: heads as its own modules compute them.

What a head multiplies its input by is found by running the module on unit vectors, with an
attention that mixes nothing and keeps what it is given. No slice of a weight is written down here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

transformers = pytest.importorskip(
    "transformers", reason="the extra 'families' is not installed (transformers)"
)
pytestmark = [
    pytest.mark.slow,
    # What the library says of itself while it is imported and saves.
    pytest.mark.filterwarnings("ignore"),
]

HEADS, KV, D, VOCAB = 4, 2, 32, 50
SMALL: dict[str, Any] = {
    **{"vocab_size": VOCAB, "hidden_size": D, "intermediate_size": 48, "num_hidden_layers": 2},
    **{"num_attention_heads": HEADS, "num_key_value_heads": KV},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
EXPERTS = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "mistral": ("llama", {"head_dim": 8}),
    "qwen2": ("llama", {}),
    "qwen3": ("llama", {"head_dim": 16}),
    "gemma": ("gemma", {"head_dim": 16}),
    "gemma2": ("gemma2", {"head_dim": 16}),
    "gemma3_text": ("gemma2", {"head_dim": 16}),
    "olmo2": ("olmo2", {}),
    "phi3": ("phi3", {}),
    "mixtral": ("llama_moe", {"num_local_experts": 3}),
    "qwen2_moe": (
        "llama_moe",
        EXPERTS | {"shared_expert_intermediate_size": 40, "mlp_only_layers": [0]},
    ),
    "qwen3_moe": ("llama_moe", EXPERTS | {"head_dim": 8, "decoder_sparse_step": 1}),
    "olmoe": ("llama_moe", {"num_experts": 3, "num_experts_per_tok": 2}),
    "gpt2": ("gpt2", {}),
    # Its config keeps a number of key and value heads that it does not have.
    "gpt_neox": ("gpt_neox", {}),
}


def build(name: str) -> torch.nn.Module:
    """Return a random model of a family in float32."""
    extra = FAMILIES[name][1]
    if name == "gpt2":
        sizes = {"n_embd": D, "n_layer": 2, "n_head": HEADS, "vocab_size": VOCAB}
        config = transformers.AutoConfig.for_model(name, n_positions=16, **sizes)
    else:
        config = transformers.AutoConfig.for_model(name, **(SMALL | extra))
    config._attn_implementation = "eager"
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    for parameter in model.parameters():  # biases and gains start at 0 and 1: tell them apart
        torch.nn.init.normal_(parameter)
    return model


class Recorder:
    """An attention that mixes nothing: it keeps what it is given, and returns what it is told."""

    def __init__(self) -> None:
        self.seen: tuple[torch.Tensor, ...] = ()
        self.answer: torch.Tensor | None = None

    def __call__(self, module: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        self.seen = (query, key, value)
        answer = torch.zeros_like(query).transpose(1, 2) if self.answer is None else self.answer
        return answer, None


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    registry = transformers.modeling_utils.ALL_ATTENTION_FUNCTIONS
    registry["recorded"] = Recorder()
    yield registry["recorded"]
    del registry["recorded"]


def layers_of(model: torch.nn.Module) -> torch.nn.ModuleList:
    return getattr(model.base_model, "layers", None) or model.base_model.h


def run_attention(attention: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    n = x.shape[1]
    no_angle = (torch.ones(1, n, 1), torch.zeros(1, n, 1))
    return attention(x, position_embeddings=no_angle, attention_mask=None)[0]


def heads_by_running(attention: torch.nn.Module, recorder: Recorder) -> dict[str, np.ndarray]:
    """Return each head's matrix as the module cuts it: (heads, d_k, d), W_o (heads, d, d_k)."""
    attention.config._attn_implementation = "recorded"
    for name in ("q_norm", "k_norm"):  # no linear map; they follow the projection
        if hasattr(attention, name):
            setattr(attention, name, torch.nn.Identity())
    recorder.answer = None
    run_attention(attention, torch.eye(D)[None])
    query, key, value = (tensor[0].transpose(1, 2) for tensor in recorder.seen)
    n_heads, d_k, _ = query.shape
    basis = torch.eye(n_heads * d_k)
    recorder.answer = basis.reshape(1, n_heads * d_k, n_heads, d_k)
    output = run_attention(attention, torch.zeros(1, n_heads * d_k, D))[0]
    w_o = output.reshape(n_heads, d_k, D).transpose(1, 2)
    found = {"W_q": query, "W_k": key, "W_v": value, "W_o": w_o}
    return {role: stack.double().numpy() for role, stack in found.items()}


def check_mlp(opened: WeightSet, model: torch.nn.Module, layer: int) -> None:
    """Compare the module's output with the roles put together, expert by expert."""
    mlp = layers_of(model)[layer].mlp
    x = torch.randn(5, D, generator=torch.Generator().manual_seed(0))
    act = transformers.activations.ACT2FN[
        getattr(model.config, "hidden_activation", None) or activation_of(model.config)
    ]
    experts = {w.expert for w in opened if w.role is Role.W_U and w.layer == layer}
    for expert in experts:
        w_u, w_o = (opened.get(role, layer, expert).values() for role in (Role.W_U, Role.W_O_MLP))
        hidden = x @ w_u.T
        if Role.W_NU in opened.roles:
            hidden = hidden * act(x @ opened.get(Role.W_NU, layer, expert).values().T)
        else:
            hidden = act(hidden)
        if expert is None:
            wanted = getattr(mlp, "shared_expert", mlp)(x)
        else:
            everywhere = torch.full((len(x), 1), expert)
            wanted = mlp.experts(x, everywhere, torch.ones(len(x), 1))
        torch.testing.assert_close(hidden @ w_o.T, wanted, rtol=1e-4, atol=1e-3)


def activation_of(config: Any) -> str:
    return getattr(config, "activation_function", None) or config.hidden_act


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_saved_models(name: str, recorder: Recorder, tmp_path: Path) -> None:
    model = build(name)
    model.save_pretrained(tmp_path)
    opened = open_checkpoint(tmp_path)
    assert opened.architecture == FAMILIES[name][0]
    assert opened.unrecognised == ()
    assert opened.shape.n_heads == HEADS
    assert opened.n_parameters == sum(p.numel() for p in model.parameters())
    assert torch.equal(opened.get(Role.E_INPUT).values(), model.get_input_embeddings().weight)
    if Role.E_OUTPUT in opened.roles:
        assert torch.equal(opened.get(Role.E_OUTPUT).values(), model.get_output_embeddings().weight)
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("bias"):
            parameter.zero_()  # no measure reads them; what is left is linear
    for layer, block in enumerate(layers_of(model)):
        attention = next(m for m in block.children() if type(m).__name__.endswith("Attention"))
        for role, stack in heads_by_running(attention, recorder).items():
            weight = opened.get(Role(role), layer)
            found = weight.heads(weight.values()).double().numpy()
            np.testing.assert_allclose(found, stack, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(spectra(found), spectra(stack), rtol=1e-5)
        check_mlp(opened, model, layer)


def test_gains_are_those_the_modules_use(tmp_path: Path) -> None:
    """A norm of a vector whose mean square is 1 returns its gain."""
    for name in ("llama", "gemma", "gemma2", "gemma3_text"):
        model = build(name)
        model.save_pretrained(tmp_path / name)
        opened = open_checkpoint(tmp_path / name)
        ones = torch.ones(1, D)
        with torch.no_grad():
            wanted = layers_of(model)[1].input_layernorm(ones)[0]
        found = opened.get(Role.GAIN_A, 1).values().float()
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def spectra(stack: np.ndarray) -> np.ndarray:
    return np.linalg.svd(stack, compute_uv=False)
