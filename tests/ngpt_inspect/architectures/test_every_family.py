"""One family of each kind of attention, as its own code runs it; `every_family` has them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from every_family import OWN, build, examine, sizes_of

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.vocabulary import Role

pytest.importorskip("transformers", reason="the extra 'families' is not installed (transformers)")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

KINDS = {
    "arcee": "no gate in the MLP",
    "codegen": "queries, values and keys by quarters of the heads",
    "cohere": "one norm for both blocks",
    "deepseek_v2": "latent attention",
    "exaone": "names of GPT-2, matrices apart",
    "gemma4_text": "heads twice as many and as wide in some layers",
    "glm": "gate and up in one",
    "gptj": "matrices apart under GPT-2's list of layers",
    "gpt_neox_japanese": "queries, keys and values head by head",
    "lfm2_moe": "convolutions between, experts",
    "mimo_v2_flash": "values narrower than keys, heads that differ by layer",
    "nanochat": "no gains",
    "nemotron_h": "one block a layer",
    "openai-gpt": "stored (in, out)",
    "qwen3_next": "gated queries, linear attention between",
}


@pytest.mark.parametrize("family", KINDS)
def test_heads_are_those_its_own_attention_is_given(family: str, tmp_path: Path) -> None:
    found = examine(family, tmp_path)
    assert (found.architecture, found.whole) == ("decoder", "yes")
    assert found.right.startswith("yes"), found.right


def test_latent_attention_has_products_for_heads_and_factors_of_its_own(tmp_path: Path) -> None:
    """Queries of a head: its rows of q_b, times the gain of the latent, times q_a."""
    model = build("deepseek_v2")
    model.save_pretrained(tmp_path)
    opened = open_checkpoint(tmp_path)
    attention = model.model.layers[1].self_attn
    weights = {
        name: getattr(attention, name).weight.detach().double()
        for name in ("q_a_proj", "q_b_proj", "q_a_layernorm", "kv_b_proj")
    }
    for role, name in ((Role.W_Q_A, "q_a_proj"), (Role.W_KV_B, "kv_b_proj")):
        assert torch.equal(opened.get(role, 1).values().double(), weights[name])
    product = weights["q_b_proj"] @ torch.diag(weights["q_a_layernorm"]) @ weights["q_a_proj"]
    queries = opened.get(Role.W_Q, 1)
    assert queries.heads_only
    heads = queries.heads(queries.values())
    assert heads is not None
    np.testing.assert_allclose(heads.reshape(product.shape).numpy(), product.numpy(), rtol=1e-12)
    moved = queries.errors()
    assert moved is not None
    assert 0 < float(moved.max()) < 1e-6


@pytest.mark.parametrize(
    "family", ["glm", "gemma3_text", "muse_glimmer_text", "muse_spark_text", "qwen3_next"]
)
def test_a_gain_of_zero_silences_its_norm(family: str, tmp_path: Path) -> None:
    """What the norm multiplies by is w + offset, so it returns zeros where w is -offset."""
    from transformers import CONFIG_MAPPING, AutoModel

    config = CONFIG_MAPPING[family]
    model = AutoModel.from_config(config(**sizes_of(config()) | OWN.get(family, {})))
    model.save_pretrained(tmp_path)
    gains = [w for w in open_checkpoint(tmp_path) if str(w.role).startswith("gain")]
    assert gains
    for weight in gains:
        norm = model.get_submodule(weight.tensor.name.removesuffix(".weight"))
        torch.nn.init.constant_(norm.weight, -weight.offset)
        assert not norm(torch.ones(1, norm.weight.numel())).any(), weight
