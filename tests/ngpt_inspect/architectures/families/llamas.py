"""Llama's descendants, litgpt and GGUF: grouped queries, 1 + w, fused halves, experts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from families.known import (
    ATTENTION,
    D_K,
    D_MLP,
    EMBEDDINGS,
    EXPERTS,
    GAINS,
    HEADS,
    HF_CONFIG,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    Known,
    known_gpt,
    router,
    save_folder,
    save_torch,
)

KV = 2
ALL = (*EMBEDDINGS, *ATTENTION, *MLP, *GAINS)
QK_GAINS = {"self_attn.q_norm.weight": "gain_q", "self_attn.k_norm.weight": "gain_k"}
PROJECTIONS = {"W_q": "q_proj", "W_k": "k_proj", "W_v": "v_proj", "W_o": "o_proj"}
MLP_NAMES = {"W_u": "up_proj", "W_nu": "gate_proj", "W_oMLP": "down_proj"}


def config(model_type: str, **more: Any) -> dict[str, Any]:
    return HF_CONFIG | {"model_type": model_type, "num_key_value_heads": KV, **more}


def trunk(known: Known, prefix: str = "model.", *, plus_one: bool = False) -> dict[str, Any]:
    """Return embeddings, attention and the last norm, whose gain may be used as 1 + w."""
    state = {
        f"{prefix}embed_tokens.weight": known("E_input"),
        f"{prefix}norm.weight": known("gain_final") - plus_one,
    }
    for i in range(LAYERS):
        for role, name in PROJECTIONS.items():
            state[f"{prefix}layers.{i}.self_attn.{name}.weight"] = known(role, i)
    return state


def llama(
    at: Path,
    *,
    model_type: str = "llama",
    prefix: str = "model.",
    before_mlp: str = "post_attention_layernorm",
    extra: tuple[str, ...] = (),
    plus_one: bool = False,
    tied: bool = False,
    said: dict[str, Any] | None = None,
) -> Expected:
    """Write a dense one; `extra` are vectors beside its matrices, `said` is its config."""
    known, gains = known_gpt(n_kv_heads=KV), {}
    state = trunk(known, prefix, plus_one=plus_one)
    if not tied:
        state["lm_head.weight"] = known("E_output")
    for i in range(LAYERS):
        layer = f"{prefix}layers.{i}."
        for role, name in MLP_NAMES.items():
            state[f"{layer}mlp.{name}.weight"] = known(role, i)
        state[layer + "input_layernorm.weight"] = known("gain_A", i) - plus_one
        state[f"{layer}{before_mlp}.weight"] = known("gain_M", i) - plus_one
        for name in extra:
            gain = QK_GAINS.get(name)
            state[layer + name] = np.full(D_K if gain else D, 0.5)
            if gain:
                gains[gain, i, None] = np.full(D_K, 0.5 + plus_one)
    path = save_folder(at, state, config(model_type) if said is None else said)
    values = known.only(set(ALL) - {"E_output"} if tied else ALL)
    return Expected(path, values | gains, n_kv_heads=KV)


def olmo2(at: Path) -> Expected:
    known = known_gpt(n_kv_heads=KV)
    state = trunk(known) | {"lm_head.weight": known("E_output")}
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        for role, name in MLP_NAMES.items():
            state[f"{layer}mlp.{name}.weight"] = known(role, i)
        state |= {
            layer + "post_attention_layernorm.weight": np.ones(D),
            layer + "post_feedforward_layernorm.weight": np.ones(D),
            layer + "self_attn.q_norm.weight": np.ones(HEADS * D_K),
            layer + "self_attn.k_norm.weight": np.ones(KV * D_K),
        }
    values = known.only(set(ALL) - {"gain_A", "gain_M"})
    for i in range(LAYERS):
        values |= {
            ("gain_q", i, None): np.ones(HEADS * D_K),
            ("gain_k", i, None): np.ones(KV * D_K),
        }
    return Expected(save_folder(at, state, config("olmo2")), values, n_kv_heads=KV)


def fused_qkv(known: Known, layer: int) -> np.ndarray:
    return np.concatenate([known(role, layer) for role in ("W_q", "W_k", "W_v")])


def phi3(at: Path) -> Expected:
    known = known_gpt(n_kv_heads=KV)
    state = {
        "model.embed_tokens.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "model.norm.weight": known("gain_final"),
    }
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        state |= {
            layer + "self_attn.qkv_proj.weight": fused_qkv(known, i),
            layer + "self_attn.o_proj.weight": known("W_o", i),
            layer + "mlp.gate_up_proj.weight": np.concatenate([known("W_nu", i), known("W_u", i)]),
            layer + "mlp.down_proj.weight": known("W_oMLP", i),
            layer + "input_layernorm.weight": known("gain_A", i),
            layer + "post_attention_layernorm.weight": known("gain_M", i),
        }
    return Expected(save_folder(at, state, config("phi3")), known.only(ALL), n_kv_heads=KV)


def gpt_oss(at: Path) -> Expected:
    """Write what transformers saves: stacks of (in, out), columns of gate and u in turn."""
    known = known_gpt(n_kv_heads=KV, experts=True)
    state = trunk(known) | {"lm_head.weight": known("E_output")}
    values = known.only({*ALL} - {*MLP})
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        experts = layer + "mlp.experts."
        both = np.zeros((EXPERTS, D, 2 * D_MLP))
        for e in range(EXPERTS):
            both[e, :, 0::2] = known("W_nu", i, e).T
            both[e, :, 1::2] = known("W_u", i, e).T
            values |= {(role, i, e): known(role, i, e) for role in MLP}
        values |= {("W_router", i, None): router(i), ("sink", i, None): np.ones(HEADS)}
        state |= {
            layer + "input_layernorm.weight": known("gain_A", i),
            layer + "post_attention_layernorm.weight": known("gain_M", i),
            layer + "self_attn.sinks": np.ones(HEADS),
            layer + "mlp.router.weight": router(i),
            layer + "mlp.router.bias": np.ones(EXPERTS),
            experts + "gate_up_proj": both,
            experts + "gate_up_proj_bias": np.ones((EXPERTS, 2 * D_MLP)),
            experts + "down_proj": np.stack([known("W_oMLP", i, e).T for e in range(EXPERTS)]),
            experts + "down_proj_bias": np.ones((EXPERTS, D)),
        }
    return Expected(save_folder(at, state, config("gpt_oss")), values, n_kv_heads=KV)


def mixture(
    at: Path,
    *,
    names: str,
    shared: str = "shared_expert",
    turn: bool = False,
    model_type: str = "some_moe",
) -> Expected:
    """Write experts under Mixtral's names, under Qwen's (a dense layer first), or stacked.

    `turn`: stacks of (in, out).
    """
    known = known_gpt(n_kv_heads=KV, experts=True)
    dense = known_gpt(n_kv_heads=KV)
    plus_one = model_type != "some_moe"
    state = trunk(known, plus_one=plus_one) | {"lm_head.weight": known("E_output")}
    values = known.only({*ALL} - {*MLP})
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        state[layer + "input_layernorm.weight"] = known("gain_A", i) - plus_one
        state[layer + "post_attention_layernorm.weight"] = known("gain_M", i) - plus_one
        if names == "qwen" and i == 0:
            for role, name in MLP_NAMES.items():
                state[f"{layer}mlp.{name}.weight"] = dense(role, i)[..., :]
                values[role, i, None] = dense(role, i)
            continue
        block = "block_sparse_moe" if names == "mixtral" else "mlp"
        state[f"{layer}{block}.gate.weight"] = values["W_router", i, None] = router(i)
        for e in range(EXPERTS):
            for role in MLP:
                values[role, i, e] = known(role, i, e)
        if names == "stacked":
            both = [np.concatenate([known("W_nu", i, e), known("W_u", i, e)]) for e in range(3)]
            outputs = [known("W_oMLP", i, e) for e in range(EXPERTS)]
            for name, stack in (("gate_up_proj", both), ("down_proj", outputs)):
                turned = [matrix.T for matrix in stack] if turn else stack
                state[f"{layer}mlp.experts.{name}"] = np.stack(turned)
            continue
        for e in range(EXPERTS):
            place = f"{layer}{block}.experts.{e}."
            mixtral = {"W_u": "w3", "W_nu": "w1", "W_oMLP": "w2"}
            for role, name in (mixtral if names == "mixtral" else MLP_NAMES).items():
                state[f"{place}{name}.weight"] = known(role, i, e)
        if names == "qwen":
            row = router(i)[:1]
            state[layer + "mlp.shared_expert_gate.weight"] = values["X_in", i, None] = row
            for role, name in MLP_NAMES.items():
                state[f"{layer}mlp.{shared}.{name}.weight"] = known(role, i)
                values[role, i, None] = known(role, i)
    return Expected(save_folder(at, state, config(model_type)), values, n_kv_heads=KV)


def litgpt(at: Path, *, mlp: str) -> Expected:
    known = known_gpt(n_kv_heads=KV, experts=mlp == "experts")
    state = {
        "transformer.wte.weight": known("E_input"),
        "lm_head.weight": known("E_output"),
        "transformer.ln_f.weight": known("gain_final"),
    }
    gated = {"W_u": "fc_2", "W_nu": "fc_1", "W_oMLP": "proj"}
    values = known.only({*ALL} - {*MLP})
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        state |= {
            h + "attn.qkv.weight": fused_qkv(known, i),
            h + "attn.proj.weight": known("W_o", i),
            h + "norm_1.weight": known("gain_A", i),
            h + "norm_2.weight": known("gain_M", i),
        }
        for e in range(EXPERTS) if mlp == "experts" else (None,):
            place = h + ("mlp." if e is None else f"mlp.experts.{e}.")
            names = {"W_u": "fc", "W_oMLP": "proj"} if mlp == "plain" else gated
            for role, name in names.items():
                state[f"{place}{name}.weight"] = known(role, i, e)
                values[role, i, e] = known(role, i, e)
        if mlp == "experts":
            state[h + "mlp.gate.weight"] = values["W_router", i, None] = router(i)
    path = save_torch(at / "lit_model.pth", state)
    (at / "config.json").write_text('{"num_attention_heads": 4, "num_key_value_heads": 2}')
    return Expected(path, values, n_kv_heads=KV)


def gguf_names(at: Path, *, kind: str) -> Expected:
    """Write the names of a GGUF, in a container that needs no reader of GGUF."""
    known = known_gpt(n_kv_heads=KV, experts="experts" in kind)
    state = {
        "token_embd.weight": known("E_input"),
        "output.weight": known("E_output"),
        "output_norm.weight": known("gain_final"),
        "rope_freqs.weight": np.ones(D_K // 2),
    }
    names = {"W_u": "up", "W_nu": "gate", "W_oMLP": "down"}
    values = known.only({*ALL} - {*MLP})
    for i in range(LAYERS):
        blk = f"blk.{i}."
        state[blk + "attn_output.weight"] = known("W_o", i)
        state[blk + "attn_norm.weight"] = known("gain_A", i)
        state[blk + "ffn_norm.weight"] = known("gain_M", i)
        if kind in ("fused", "phi3"):
            state[blk + "attn_qkv.weight"] = fused_qkv(known, i)
        else:
            for role, name in (("W_q", "q"), ("W_k", "k"), ("W_v", "v")):
                state[f"{blk}attn_{name}.weight"] = known(role, i)
        for role, name in names.items():
            if kind in ("fused", "phi3") and role == "W_nu":
                continue
            if kind == "phi3" and role == "W_u":
                both = np.concatenate([known("W_nu", i), known("W_u", i)])
                state[f"{blk}ffn_up.weight"] = both
                values |= {(r, i, None): known(r, i) for r in ("W_nu", "W_u")}
                continue
            if "experts" in kind:
                stack = np.stack([known(role, i, e) for e in range(EXPERTS)])
                state[f"{blk}ffn_{name}_exps.weight"] = stack
                state[f"{blk}ffn_{name}_shexp.weight"] = known(role, i)
                values |= {(role, i, e): known(role, i, e) for e in (*range(EXPERTS), None)}
            else:
                state[f"{blk}ffn_{name}.weight"] = known(role, i)
                values[role, i, None] = known(role, i)
        if kind == "experts in one":
            up, gate = (state.pop(f"{blk}ffn_{name}_exps.weight") for name in ("up", "gate"))
            state[f"{blk}ffn_gate_up_exps.weight"] = np.concatenate([gate, up], axis=1)
        if "experts" in kind:
            state[blk + "ffn_gate_inp.weight"] = values["W_router", i, None] = router(i)
    return Expected(save_folder(at, state, config("gguf")), values, n_kv_heads=KV)


_QK_NORMS = tuple(QK_GAINS)
_POST = ("post_attention_layernorm.weight", "post_feedforward_layernorm.weight")
_GEMMA2 = {"before_mlp": "pre_feedforward_layernorm", "plus_one": True, "tied": True}
FAMILIES = (
    Family("llama", "llama", llama),
    Family("qwen2", "llama", partial(llama, model_type="qwen2", extra=("self_attn.q_proj.bias",))),
    Family("qwen3", "llama", partial(llama, model_type="qwen3", extra=_QK_NORMS)),
    Family("gemma", "gemma", partial(llama, model_type="gemma", plus_one=True, tied=True)),
    Family("gemma2", "gemma2", partial(llama, model_type="gemma2", extra=_POST, **_GEMMA2)),
    Family(
        "gemma3",
        "gemma2",
        partial(
            llama,
            model_type="gemma3",
            prefix="language_model.model.",
            extra=(*_POST, *_QK_NORMS),
            **_GEMMA2,
        ),
    ),
    Family(
        "gemma3n-gains",
        "gemma2",
        partial(llama, model_type="gemma3n_text", extra=_POST, **(_GEMMA2 | {"plus_one": False})),
    ),
    Family(
        "gemma2-alone",
        "gemma2",
        partial(llama, said={}, extra=_POST, **_GEMMA2),
        options={"heads": HEADS},
    ),
    Family(
        "paligemma",
        "gemma",
        partial(
            llama,
            said={"model_type": "paligemma", "text_config": config("gemma")},
            prefix="language_model.model.",
            plus_one=True,
            tied=True,
        ),
    ),
    Family("olmo2", "olmo2", olmo2),
    Family("gpt_oss", "gpt_oss", gpt_oss),
    Family(
        "moe-one-plus-w", "llama_moe", partial(mixture, names="stacked", model_type="minimax_m3_vl")
    ),
    Family("moe-turned", "llama_moe", partial(mixture, names="stacked", turn=True)),
    *(
        Family(f"moe-{name}", "llama_moe", partial(mixture, names="qwen", shared=name))
        for name in ("shared_experts", "shared_mlp")
    ),
    Family("phi3", "phi3", phi3),
    *(
        Family(f"moe-{names}", "llama_moe", partial(mixture, names=names))
        for names in ("mixtral", "qwen", "stacked")
    ),
    *(
        Family(f"litgpt-{mlp}", "litgpt", partial(litgpt, mlp=mlp))
        for mlp in ("gated", "plain", "experts")
    ),
    *(
        Family(f"gguf-{kind}", "gguf", partial(gguf_names, kind=kind))
        for kind in ("llama", "fused", "experts", "phi3")
    ),
    Family("gguf-decoder", "gguf_decoder", partial(gguf_names, kind="experts in one")),
)
