"""Llama's descendants, litgpt and GGUF: grouped queries, 1 + w, fused halves, experts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from families.known import (
    D_K,
    D_MLP,
    EXPERTS,
    HEADS,
    HF_CONFIG,
    LAYERS,
    D,
    Expected,
    Family,
    in_layers,
    known_gpt,
    written,
)

KV = 2
QKVO = " ".join(f"self_attn.{x}_proj.weight=W_{x} " for x in "qkvo")
GATED = "mlp.{0}up_proj.weight=W_u mlp.{0}gate_proj.weight=W_nu mlp.{0}down_proj.weight=W_oMLP "
DENSE = GATED.format("")
NORMS = "input_layernorm.weight=gain_A post_attention_layernorm.weight=gain_M "
QK_NORMS = "self_attn.q_norm.weight=gain_q self_attn.k_norm.weight=gain_k "
HEAD = "lm_head.weight=E_output"


def config(model_type: str, **more: Any) -> dict[str, Any]:
    return HF_CONFIG | {"model_type": model_type, "num_key_value_heads": KV, **more}


def outside(prefix: str = "model.", head: str = HEAD) -> str:
    return f"{prefix}embed_tokens.weight=E_input {prefix}norm.weight=gain_final {head}"


def llama(
    at: Path,
    *,
    model_type: str = "llama",
    prefix: str = "model.",
    norms: str = NORMS,
    beside: tuple[str, ...] = (),
    plus_one: bool = False,
    head: str = HEAD,
    said: dict[str, Any] | None = None,
) -> Expected:
    """Write a dense one; `beside` are vectors that have no role, `said` is its config."""
    gain = np.full(D_K, 0.5 + plus_one)
    return written(
        known_gpt(n_kv_heads=KV).also(in_layers(gain_q=gain, gain_k=gain)),
        outside(prefix, head),
        prefix + "layers.{}.",
        QKVO + DENSE + norms,
        plus_one=plus_one,
        beside={name: np.full(D, 0.5) for name in beside},
    ).in_folder(at, config(model_type) if said is None else said)


def olmo2(at: Path) -> Expected:
    after = ("post_attention_layernorm.weight", "post_feedforward_layernorm.weight")
    gains = in_layers(gain_q=np.ones(HEADS * D_K), gain_k=np.ones(KV * D_K))
    return written(
        known_gpt(n_kv_heads=KV).also(gains),
        outside(),
        "model.layers.{}.",
        QKVO + DENSE + QK_NORMS,
        beside=dict.fromkeys(after, np.ones(D)),
    ).in_folder(at, config("olmo2"))


def phi3(at: Path) -> Expected:
    fused = "self_attn.qkv_proj.weight=W_q+W_k+W_v self_attn.o_proj.weight=W_o "
    fused += "mlp.gate_up_proj.weight=W_nu+W_u mlp.down_proj.weight=W_oMLP "
    known = known_gpt(n_kv_heads=KV)
    whole = written(known, outside(), "model.layers.{}.", fused + NORMS)
    return whole.in_folder(at, config("phi3"))


def gpt_oss(at: Path) -> Expected:
    """Write what transformers saves: stacks of (in, out), columns of gate and u in turn."""
    known = known_gpt(n_kv_heads=KV, experts=True)
    whole = written(
        known.also(in_layers(sink=np.ones(HEADS))),
        outside(),
        "model.layers.{}.",
        f"{QKVO + NORMS} self_attn.sinks=sink mlp.router.weight=W_router",
        beside={
            "mlp.router.bias": np.ones(EXPERTS),
            "mlp.experts.gate_up_proj_bias": np.ones((EXPERTS, 2 * D_MLP)),
            "mlp.experts.down_proj_bias": np.ones((EXPERTS, D)),
        },
    )
    for i in range(LAYERS):
        at_experts = f"model.layers.{i}.mlp.experts."
        gates, ups, downs = (
            np.stack([known(role, i, e).T for e in range(EXPERTS)])
            for role in ("W_nu", "W_u", "W_oMLP")
        )
        both = np.stack([gates, ups], axis=-1).reshape(EXPERTS, D, 2 * D_MLP)
        whole.state[at_experts + "gate_up_proj"] = both
        whole.state[at_experts + "down_proj"] = downs
    experts = {key: array for key, array in known.arrays.items() if key[2] is not None}
    return replace(whole, values=whole.values | experts).in_folder(at, config("gpt_oss"))


MIXTRAL = "block_sparse_moe.gate.weight=W_router " + " ".join(
    f"block_sparse_moe.experts.{{e}}.{name}" for name in ("w3=W_u", "w1=W_nu", "w2=W_oMLP")
).replace("=", ".weight=")
STACKED = (
    "mlp.gate.weight=W_router mlp.experts.gate_up_proj=(W_nu+W_u)* mlp.experts.down_proj=W_oMLP*"
)


def mixture(
    at: Path, *, experts: str = STACKED, turn: bool = False, model_type: str = "some_moe"
) -> Expected:
    """Write experts in each layer. `turn`: stacks of (in, out)."""
    known = known_gpt(n_kv_heads=KV, experts=True)
    whole = written(
        known,
        outside(),
        "model.layers.{}.",
        QKVO + NORMS + experts,
        plus_one=model_type != "some_moe",
    )
    for name, array in whole.state.items():
        if turn and array.ndim == 3:
            whole.state[name] = array.swapaxes(1, 2)
    return whole.in_folder(at, config(model_type))


def qwen_moe(at: Path, *, shared: str = "shared_expert") -> Expected:
    """Write a dense layer, then one of experts beside one that every token passes."""
    known = known_gpt(n_kv_heads=KV, experts=True)
    row = {("X_in", 1, None): known("W_router", 1)[:1]}
    mlp = GATED.format("experts.{e}.") + GATED.format(f"{shared}.")
    mlp += "mlp.gate.weight=W_router mlp.shared_expert_gate.weight=X_in"
    whole = written(
        known_gpt(n_kv_heads=KV), outside(), "model.layers.{}.", QKVO + NORMS + DENSE, places={0: 0}
    ) | written(known.also(row), outside(), "model.layers.{}.", QKVO + NORMS + mlp, places={1: 1})
    return whole.in_folder(at, config("some_moe"))


LITGPT_GATED = "mlp.{0}fc_2.weight=W_u mlp.{0}fc_1.weight=W_nu mlp.{0}proj.weight=W_oMLP "
LITGPT = {
    "gated": LITGPT_GATED.format(""),
    "plain": "mlp.fc.weight=W_u mlp.proj.weight=W_oMLP",
    "experts": LITGPT_GATED.format("experts.{e}.") + "mlp.gate.weight=W_router",
}


def litgpt(at: Path, *, mlp: str) -> Expected:
    whole = written(
        known_gpt(n_kv_heads=KV, experts=mlp == "experts"),
        f"transformer.wte.weight=E_input transformer.ln_f.weight=gain_final {HEAD}",
        "transformer.h.{}.",
        "attn.qkv.weight=W_q+W_k+W_v attn.proj.weight=W_o "
        f"norm_1.weight=gain_A norm_2.weight=gain_M {LITGPT[mlp]}",
    ).in_file(at / "lit_model.pth")
    (at / "config.json").write_text('{"num_attention_heads": 4, "num_key_value_heads": 2}')
    return whole


GGUF_APART = "attn_q.weight=W_q attn_k.weight=W_k attn_v.weight=W_v "
GGUF_FUSED = "attn_qkv.weight=W_q+W_k+W_v "
GGUF_EXPERTS = (
    f"{GGUF_APART} ffn_down_exps.weight=W_oMLP* ffn_gate_inp.weight=W_router "
    "ffn_up_shexp.weight=W_u ffn_gate_shexp.weight=W_nu ffn_down_shexp.weight=W_oMLP "
)
GGUF = {
    "llama": f"{GGUF_APART} ffn_up.weight=W_u ffn_gate.weight=W_nu ffn_down.weight=W_oMLP",
    "fused": f"{GGUF_FUSED} ffn_up.weight=W_u ffn_down.weight=W_oMLP",
    "experts": f"{GGUF_EXPERTS} ffn_up_exps.weight=W_u* ffn_gate_exps.weight=W_nu*",
    "phi3": f"{GGUF_FUSED} ffn_up.weight=W_nu+W_u ffn_down.weight=W_oMLP",
    "decoder": f"{GGUF_EXPERTS} ffn_gate_up_exps.weight=(W_nu+W_u)*",
}


def gguf_names(at: Path, *, inside: str) -> Expected:
    """Write the names of a GGUF, in a container that needs no reader of GGUF."""
    whole = written(
        known_gpt(n_kv_heads=KV, experts="_exps" in inside),
        "token_embd.weight=E_input output.weight=E_output output_norm.weight=gain_final",
        "blk.{}.",
        f"attn_output.weight=W_o attn_norm.weight=gain_A ffn_norm.weight=gain_M {inside}",
    )
    whole.state["rope_freqs.weight"] = np.ones(D_K // 2)
    return whole.in_folder(at, config("gguf"))


_POST = ("post_attention_layernorm.weight", "post_feedforward_layernorm.weight")
_GEMMA2_NORMS = "input_layernorm.weight=gain_A pre_feedforward_layernorm.weight=gain_M "
_GEMMA = partial(llama, model_type="gemma", plus_one=True, head="")
_GEMMA2 = partial(llama, norms=_GEMMA2_NORMS, beside=_POST, plus_one=True, head="")
_GEMMA3 = partial(_GEMMA2, norms=_GEMMA2_NORMS + QK_NORMS, prefix="language_model.model.")
_PALIGEMMA = {"model_type": "paligemma", "text_config": config("gemma")}
FAMILIES = (
    Family("llama", "llama", llama),
    Family("qwen2", "llama", partial(llama, model_type="qwen2", beside=("self_attn.q_proj.bias",))),
    Family("qwen3", "llama", partial(llama, model_type="qwen3", norms=NORMS + QK_NORMS)),
    Family("gemma", "gemma", _GEMMA),
    Family("gemma2", "gemma2", partial(_GEMMA2, model_type="gemma2")),
    Family("gemma3", "gemma2", partial(_GEMMA3, model_type="gemma3")),
    Family("gemma3n-gains", "gemma2", partial(_GEMMA2, model_type="gemma3n_text", plus_one=False)),
    Family("gemma2-alone", "gemma2", partial(_GEMMA2, said={}), options={"heads": HEADS}),
    Family("paligemma", "gemma", partial(_GEMMA, said=_PALIGEMMA, prefix="language_model.model.")),
    Family("olmo2", "olmo2", olmo2),
    Family("gpt_oss", "gpt_oss", gpt_oss),
    Family("moe-one-plus-w", "llama_moe", partial(mixture, model_type="minimax_m3_vl")),
    Family("moe-turned", "llama_moe", partial(mixture, turn=True)),
    Family("moe-shared_experts", "llama_moe", partial(qwen_moe, shared="shared_experts")),
    Family("moe-shared_mlp", "llama_moe", partial(qwen_moe, shared="shared_mlp")),
    Family("phi3", "phi3", phi3),
    Family("moe-mixtral", "llama_moe", partial(mixture, experts=MIXTRAL)),
    Family("moe-qwen", "llama_moe", qwen_moe),
    Family("moe-stacked", "llama_moe", mixture),
    *(Family(f"litgpt-{mlp}", "litgpt", partial(litgpt, mlp=mlp)) for mlp in LITGPT),
    *(
        Family(
            f"gguf-{kind}",
            "gguf_decoder" if kind == "decoder" else "gguf",
            partial(gguf_names, inside=inside),
        )
        for kind, inside in GGUF.items()
    ),
)
