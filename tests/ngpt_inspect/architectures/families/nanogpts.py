"""nanoGPT, GPT-2 and what came of them: fused in rows, fused in columns, stacked."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from families.known import D_MLP, HEADS, HF_CONFIG, LAYERS, D, Expected, Family, known_gpt, written

POSITIONS = {("E_position", None, None): np.random.default_rng(8).standard_normal((12, D))}
OUTSIDE = "transformer.wte.weight=E_input transformer.wpe.weight=E_position "
MLP = "mlp.c_fc.weight=W_u mlp.c_proj.weight=W_oMLP "
BIASES = {"attn.c_attn.bias": np.zeros(3 * D), "mlp.c_fc.bias": np.zeros(D_MLP)}


def gpt2(at: Path, *, transposed: bool, gain: str = "weight") -> Expected:
    whole = written(
        known_gpt().also(POSITIONS),
        f"{OUTSIDE} transformer.ln_f.{gain}=gain_final",
        "transformer.h.{}.",
        f"ln_1.{gain}=gain_A ln_2.{gain}=gain_M "
        f"attn.c_attn.weight=W_q+W_k+W_v attn.c_proj.weight=W_o {MLP}",
        turned=transposed,
        beside=BIASES,
    )
    arguments = {"n_layer": LAYERS, "n_head": HEADS, "n_embd": D}
    if transposed:
        return whole.in_folder(at, {"model_type": "gpt2", **arguments})
    return whole.in_file(at / "ckpt.pt", model_args=arguments)


def qwen(at: Path) -> Expected:
    """Write Qwen 1: ``a1 * F.silu(a2)``, so the gate is w2 (modeling_qwen.py, QWenMLP)."""
    return written(
        known_gpt(),
        "transformer.wte.weight=E_input lm_head.weight=E_output transformer.ln_f.weight=gain_final",
        "transformer.h.{}.",
        "ln_1.weight=gain_A ln_2.weight=gain_M "
        "attn.c_attn.weight=W_q+W_k+W_v attn.c_proj.weight=W_o "
        "mlp.w1.weight=W_u mlp.w2.weight=W_nu mlp.c_proj.weight=W_oMLP",
        beside={"attn.c_attn.bias": np.zeros(3 * D)},
    ).in_folder(at, HF_CONFIG | {"model_type": "qwen", "kv_channels": D // HEADS})


def bigcode(at: Path, *, n_kv_heads: int) -> Expected:
    """Write GPT-BigCode: the queries of each group, its key, its value; one group or HEADS."""
    return written(
        known_gpt(n_kv_heads=n_kv_heads).also(POSITIONS),
        f"{OUTSIDE} transformer.ln_f.weight=gain_final",
        "transformer.h.{}.",
        "ln_1.weight=gain_A ln_2.weight=gain_M "
        f"attn.c_attn.weight=W_q|W_k|W_v attn.c_proj.weight=W_o {MLP}",
        beside={"mlp.c_fc.bias": np.zeros(D_MLP)},
    ).in_folder(at, {"model_type": "gpt_bigcode", "n_head": HEADS, "multi_query": n_kv_heads == 1})


APART = "attn.c_q.weight=W_q attn.c_k.weight=W_k attn.c_v.weight=W_v attn.c_proj.weight=W_o "
FOUR = "attn.qkvo_w=W_q+W_k+W_v+W_o mlp.c_fc=W_u mlp.c_proj=W_oMLP"
GENERATIONS = {
    "2024-06": f"attn.c_attn.weight=W_q+W_k+W_v attn.c_proj.weight=W_o {MLP}",
    "2024-10": APART + MLP,
    "2024-12": APART + MLP,
    "2025-01": f"attn.qkv_w=W_q+W_k+W_v attn.c_proj.weight=W_o {MLP}",
    "2025-08": FOUR,
    "2025-11": FOUR,
}
VIEWS = {("2025-01", "qkv_w"): (3, D, D), ("2025-11", "qkvo_w"): (4, D, D)}


def modded(at: Path, *, generation: str) -> Expected:
    old = generation in ("2024-06", "2024-10")
    whole = written(
        known_gpt(),
        f"{'transformer.wte' if old else 'embed'}.weight=E_input lm_head.weight=E_output",
        "transformer.h.{}." if old else "blocks.{}.",
        GENERATIONS[generation],
        beside={} if old else {"lambdas": np.ones(2)},
    )
    for name, array in whole.state.items():
        last = name.rpartition(".")[2]
        turned = array.T if last == "c_proj" else array
        whole.state[name] = turned.reshape(VIEWS.get((generation, last), turned.shape))
    if not old:
        whole.state["skip_weights"] = np.ones(1)
        whole.state["value_embeds.0.weight"] = whole.state["embed.weight"]
    return whole.in_file(at / "state_step001000.pt", step=1000, code="import torch")


def neox(at: Path, *, head: str) -> Expected:
    whole = written(
        known_gpt(),
        f"gpt_neox.embed_in.weight=E_input {head}.weight=E_output "
        "gpt_neox.final_layer_norm.weight=gain_final",
        "gpt_neox.layers.{}.",
        "attention.query_key_value.weight=W_q|W_k|W_v attention.dense.weight=W_o "
        "mlp.dense_h_to_4h.weight=W_u mlp.dense_4h_to_h.weight=W_oMLP "
        "input_layernorm.weight=gain_A post_attention_layernorm.weight=gain_M",
        beside={"attention.query_key_value.bias": np.zeros(3 * D)},
    )
    whole.state["gpt_neox.final_layer_norm.bias"] = np.zeros(D)
    return whole.in_folder(at, HF_CONFIG | {"model_type": "gpt_neox"})


FAMILIES = (
    *(Family(f"bigcode-{n}", "gpt_bigcode", partial(bigcode, n_kv_heads=n)) for n in (1, HEADS)),
    Family("nanogpt", "nanogpt", partial(gpt2, transposed=False)),
    Family("nanogpt-gamma", "nanogpt", partial(gpt2, transposed=False, gain="gamma")),
    Family("qwen", "qwen", qwen),
    Family("gpt2", "gpt2", partial(gpt2, transposed=True)),
    *(
        Family(
            f"modded-{generation}",
            "nanogpt" if generation == "2024-06" else "modded_nanogpt",
            partial(modded, generation=generation),
            {"heads": HEADS},
        )
        for generation in GENERATIONS
    ),
    Family("gpt_neox", "gpt_neox", partial(neox, head="embed_out")),
    Family("gpt_neox-v5", "gpt_neox", partial(neox, head="lm_head")),
)
