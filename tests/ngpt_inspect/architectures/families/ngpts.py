"""nGPTs of all who train them, by the names, the order of rows and the constants of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from families.known import (
    D_K,
    D_MLP,
    HEADS,
    HF_CONFIG,
    LAYERS,
    VOCAB,
    D,
    Expected,
    Family,
    Known,
    Written,
    in_layers,
    known_ngpt,
    written,
)

SCALE = D**-0.5


def scaled(by: float, *, alpha_A: float = 0.05, alpha_M: float = 0.05) -> dict[str, float]:
    """Return stored over effective: scale / init, where s_qk and s_z start at 1."""
    own = {"alpha_A": by / alpha_A, "alpha_M": by / alpha_M}
    return own | dict.fromkeys(("s_qk", "s_q", "s_k", "s_z"), by)


# NVIDIA/ngpt: c_fc holds u, then the gate; one sqk for queries and keys; base_scale is recorded.
BASE_SCALE = 0.1
ARGUMENTS = {
    **{"use_nGPT": 1, "n_layer": LAYERS, "n_head": HEADS, "n_embd": D},
    "base_scale": BASE_SCALE,
}


def nvidia(known: Known, attention: str) -> Written:
    return written(
        known,
        "transformer.wte.weight=E_input lm_head.weight=E_output sz=s_z",
        "transformer.h.{}.",
        f"{attention} c_fc.weight=W_u+W_nu mlp_c_proj.weight=W_oMLP "
        "attn_alpha=alpha_A mlp_alpha=alpha_M suv=s_u+s_nu",
        times=scaled(BASE_SCALE, alpha_A=-0.05),
    )


def one_scale(at: Path) -> Expected:
    attention = "query.weight=W_q key.weight=W_k value.weight=W_v att_c_proj.weight=W_o sqk=s_qk"
    whole = nvidia(known_ngpt(), attention)
    compiled = {f"_orig_mod.{name}": array for name, array in whole.state.items()}
    return replace(whole, state=compiled).in_file(at / "ckpt.pt", model_args=ARGUMENTS, iter_num=3)


def grouped(at: Path, *, prefix: str = "") -> Expected:
    attention = (
        "{0}query.weight=W_q {0}key.weight=W_k {0}value.weight=W_v {0}att_c_proj.weight=W_o "
        "{0}sqk_q=s_q {0}sqk_k=s_k"
    )
    whole = nvidia(known_ngpt(n_kv_heads=2), attention.format(prefix))
    return whole.in_file(at / "ckpt.pt", model_args=ARGUMENTS | {"n_head_k": 2})


def olmo_core(at: Path) -> Expected:
    """Write a scale of its own for queries and for keys; sw1 belongs to the gate."""
    return written(
        known_ngpt(n_kv_heads=2),
        "embeddings.weight=E_input lm_head.w_out.weight=E_output lm_head.sz=s_z",
        "blocks.{}.",
        "attention.w_q.weight=W_q attention.w_k.weight=W_k attention.w_v.weight=W_v "
        "attention.w_out.weight=W_o attention.sq=s_q attention.sk=s_k "
        "feed_forward.w1.weight=W_nu feed_forward.w3.weight=W_u feed_forward.w2.weight=W_oMLP "
        "feed_forward.sw1=s_nu feed_forward.sw3=s_u attn_alpha=alpha_A mlp_alpha=alpha_M",
        times=scaled(SCALE, alpha_A=-0.05),
    ).in_folder(at, {"model": {"block": {"attention": {"n_heads": HEADS, "n_kv_heads": 2}}}})


def nous(at: Path) -> Expected:
    """Write JoeLi12345/nGPT: Conv1D, biases, a second head that is the one in use."""
    rng = np.random.default_rng(9)
    positions = rng.standard_normal((12, D))
    whole = written(
        known_ngpt().also({("E_position", None, None): positions}),
        "transformer.wte.weight=E_input transformer.wpe.weight=E_position "
        "lm_head_2.weight=E_output sz=s_z",
        "transformer.h.{}.",
        "attn.c_attn.weight=W_q+W_k+W_v attn.c_proj.weight=W_o attn.sqk=s_qk "
        "mlp.c_fc.weight=W_u+W_nu mlp.c_proj.weight=W_oMLP mlp.su=s_u mlp.sv=s_nu "
        "attn_alpha=alpha_A mlp_alpha=alpha_M",
        times=scaled(SCALE, alpha_M=-0.05),
        turned=True,
        beside={
            "attn.c_attn.bias": np.zeros(3 * D),
            "attn.c_proj.bias": np.zeros(D),
            "mlp.c_fc.bias": np.zeros(2 * D_MLP),
            "mlp.c_proj.bias": np.zeros(D),
        },
    )
    whole.state["lm_head.weight"] = rng.standard_normal((VOCAB, D))
    return whole.in_folder(at, {"model_type": "ngpt", "n_head": HEADS, "n_embd": D})


QKVO = " ".join(f"self_attn.{x}_proj.weight=W_{x}" for x in "qkvo")
DORY = {"model_type": "dory", "num_key_value_heads": 2}


def dory(at: Path) -> Expected:
    """Write an nGPT of transformers: alphas and scales are over the initializer range."""
    gate = np.random.default_rng(8).standard_normal((LAYERS, D, D))
    gate /= np.linalg.norm(gate, axis=-1, keepdims=True)
    return written(
        known_ngpt(2).also({("W_gateA", i, None): gate[i] for i in range(LAYERS)}),
        "backbone.embeddings.weight=E_input lm_head.weight=E_output lm_head.logit_scale=s_z",
        "backbone.layers.{}.",
        f"{QKVO} self_attn.g_proj.weight=W_gateA self_attn.sqk=s_qk "
        "mlp.up_proj.weight=W_u mlp.gate_proj.weight=W_nu mlp.down_proj.weight=W_oMLP "
        "mlp.suv_up=s_u mlp.suv_gate=s_nu lambda_1=alpha_A lambda_2=alpha_M",
        times=scaled(0.02, alpha_A=-0.1, alpha_M=0.1),
        beside={"self_attn.s_gate": np.ones(D)},
    ).in_folder(at, HF_CONFIG | DORY | {"initializer_range": 0.02, "ngpt_alpha_init": 0.1})


NEMOTRON = {
    **{"model_type": "ngpt", "num_key_value_heads": 2, "initializer_range": 0.014},
    **{"attn_alpha_init_value": 0.07, "mlp_alpha_init_value": 0.06, "sqk_init_value": 1.5},
    **{"suv_init_value": 2.0, "suv_init_scaling": 4.0, "sz_init_value": 3.0},
}


def nemotron(at: Path, *, weight: str = ".weight") -> Expected:
    """Write the Hugging Face pull request: no gate, scales of shape [n, 1], or vectors."""
    whole = written(
        known_ngpt(n_kv_heads=2),
        f"model.embed_tokens.weight=E_input lm_head.weight=E_output sz{weight}=s_z",
        "model.layers.{}.",
        f"{QKVO} mlp.up_proj.weight=W_u mlp.down_proj.weight=W_oMLP "
        f"self_attn.sqk{weight}=s_qk mlp.suv{weight}=s_u attn_alpha=alpha_A mlp_alpha=alpha_M",
        times=scaled(0.014, alpha_A=-0.07, alpha_M=0.06)
        | {"s_qk": 0.014 / 1.5, "s_u": 4.0 / 2.0, "s_z": 0.014 / 3.0},
    )
    for name, array in whole.state.items():
        if weight and name.endswith(("sz.weight", "sqk.weight", "suv.weight")):
            whole.state[name] = array[:, None]
    return whole.in_folder(at, HF_CONFIG | NEMOTRON)


def evintunador(at: Path, *, moscales: bool = False) -> Expected:
    layers, embed, head = (
        ("blocks", "embed", "lm_head") if moscales else ("layers", "token_embedder", "output")
    )
    whole = written(
        known_ngpt(),
        f"{embed}.weight=E_input {head}.weight=E_output s_z.s=s_z",
        layers + ".{}.",
        "attn.Wq.weight=W_q attn.Wk.weight=W_k attn.Wv.weight=W_v attn.Wo.weight=W_o "
        "mlp.Wup.weight=W_u mlp.Wgate.weight=W_nu mlp.Wdown.weight=W_oMLP "
        "attn.s_qk.s=s_qk mlp.s_u.s=s_u mlp.s_v.s=s_nu alpha_A.s=alpha_A alpha_M.s=alpha_M",
        times=scaled(SCALE),
    )
    for name, array in whole.state.items():
        if name.endswith(".s"):
            whole.state[name] = array.reshape(HEADS if "s_qk" in name else 1, -1)
    whole.state["precompute_freqs.inv_freq"] = np.ones(D_K // 2)
    if moscales:
        whole.state["lm_head.bias"] = np.zeros(VOCAB)
    return whole.in_folder(at, {"num_heads": HEADS, "dim": D})


def alxndrtl(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=2, signed=True)
    return written(
        known.also({("s_qk", i, None): known("s_qk", i)[0] for i in range(LAYERS)}),
        "embedding.weight=E_input lm_head.weight=E_output logits_scaler.scale=s_z",
        "core.layers.{}.",
        "sa.c_q.weight=W_q sa.c_k.weight=W_k sa.c_v.weight=W_v sa.c_proj.weight=W_o "
        "mlp.fc_1.weight=W_nu mlp.fc_2.weight=W_oMLP mlp.fc_3.weight=W_u "
        "sa.qk_scaler.scale=s_qk sa_scaler.scale=alpha_A mlp_scaler.scale=alpha_M "
        "mlp.fc1_scaler.scale=s_nu mlp.fc3_scaler.scale=s_u",
        times=scaled(SCALE, alpha_A=0.08, alpha_M=0.08),
        beside={"sa.rotary.inv_freq": np.ones(D_K // 2)},
    ).in_folder(
        at, {"architecture": "Transformer", "n_heads": HEADS, "n_kv_heads": 2, "d_model": D}
    )


DOLOMITE = {
    **{"model_type": "ngpt", "ngpt_attn_alpha_init": 0.04, "ngpt_mlp_alpha_init": 0.03},
    **{"ngpt_alpha_init_scaling": 0.2, "ngpt_suv_init_scaling": 0.5},
    **{"ngpt_sz_init_value": 2.0, "ngpt_sz_init_scaling": 0.1},
}


def dolomite(at: Path) -> Expected:
    """Write IBM's lm-engine."""
    return written(
        known_ngpt(),
        "transformer.wte.weight=E_input lm_head.weight=E_output sz=s_z",
        "transformer.h.{}.",
        "sequence_mixer.c_attn.weight=W_q|W_k|W_v sequence_mixer.c_proj.weight=W_o "
        "mlp_block.c_fc.weight=W_u+W_nu mlp_block.c_proj.weight=W_oMLP "
        "attn_alpha=alpha_A mlp_alpha=alpha_M sqk=s_qk suv=s_u+s_nu",
        times=scaled(0.2, alpha_A=0.04, alpha_M=-0.03)
        | {"s_u": 0.5, "s_nu": 0.5, "s_z": 0.1 / 2.0},
    ).in_folder(at, HF_CONFIG | DOLOMITE)


def bailing(at: Path) -> Expected:
    """Write Bailing V3: a dense layer and one of experts; alpha_A starts at 0.5 in the first."""
    ones = {("gain_final", None, None): np.ones(D), **in_layers(gain_A=np.ones(D))}
    ones |= in_layers(gain_M=np.ones(D))
    start = 0.70716 / LAYERS

    def layer(number: int, known: Known, mlp: str) -> Written:
        return written(
            known.also(ones),
            "model.word_embeddings.weight=E_input lm_head.weight=E_output finalnorm=s_z "
            "model.norm.weight=gain_final",
            "model.layers.{}.",
            "attention.query_key_value.weight=W_q+W_k+W_v attention.dense.weight=W_o "
            "input_layernorm.weight=gain_A post_attention_layernorm.weight=gain_M "
            f"attn_alpha=alpha_A mlp_alpha=alpha_M {mlp}",
            places={number: number},
            times=scaled(SCALE, alpha_A=start if number else 0.5, alpha_M=start)
            | {"s_u": D_MLP**-0.5},
            beside={
                "attention.query_layernorm.weight": np.ones(D_K),
                "attention.key_layernorm.weight": np.ones(D_K),
            },
        )

    gated = "mlp.{0}up_proj.weight=W_u mlp.{0}gate_proj.weight=W_nu mlp.{0}down_proj.weight=W_oMLP "
    experts = gated.format("experts.{e}.") + gated.format("shared_experts.")
    first = layer(0, known_ngpt(2, signed=True), gated.format("") + "mlp.swv.weight=s_u")
    mixture = known_ngpt(2, signed=True, experts=True)
    whole = first | layer(1, mixture, experts + "mlp.gate.weight=W_router")
    whole.state["model.layers.1.mlp.gate.router_scaling"] = np.ones(1)
    said = {"num_key_value_heads": 2, "use_nGPT": True, "layer_group_size": 2}
    return whole.in_folder(at, HF_CONFIG | said)


# Megatron-LM exports: qkv by groups, the gate first, Mamba layers between, experts.
STD = 0.02
MEGATRON = {"num_attention_heads": HEADS, "num_query_groups": 2}


def megatron(mlp: str, *, experts: bool = False, **settings: Mapping[int, int]) -> Written:
    return written(
        known_ngpt(n_kv_heads=2, experts=experts),
        "embedding.word_embeddings.weight=E_input output_layer.weight=E_output sz=s_z",
        "decoder.layers.{}.",
        "self_attention.linear_qkv.weight=W_q|W_k|W_v self_attention.linear_proj.weight=W_o "
        f"self_attention.sqk=s_qk attn_alpha=alpha_A mlp_alpha=alpha_M {mlp}",
        times=scaled(STD, alpha_M=-0.05),
        **settings,
    )


def plain(at: Path) -> Expected:
    whole = megatron("mlp.linear_fc1.weight=W_u mlp.linear_fc2.weight=W_oMLP mlp.suv=s_u")
    return whole.in_file(at / "model.pt", args=MEGATRON | {"init_method_std": STD})


def gated_hybrid(at: Path) -> Expected:
    """Write attention in layers 0 and 2, Mamba in layer 1 and at the end."""
    mlp = "mlp.linear_fc1.weight=W_nu+W_u mlp.linear_fc2.weight=W_oMLP mlp.suv=s_nu+s_u"
    whole = megatron(mlp, places={0: 0, 1: 2})
    mamba = {"mixer.in_proj.weight": np.ones((40, D)), "mixer.out_proj.weight": np.ones((D, 32))}
    mamba |= {"mixer.A_log": np.ones(4), "mixer_alpha": np.ones(D)}
    for place in (1, 3):
        for name, array in mamba.items():
            whole.state[f"decoder.layers.{place}.{name}"] = array
    return replace(whole.in_folder(at, MEGATRON), off_sphere=(("W_v", 2, None),))


def experts(at: Path) -> Expected:
    whole = megatron(
        "mlp.experts.linear_fc1.weight{e}=W_u mlp.experts.linear_fc2.weight{e}=W_oMLP "
        "mlp.shared_experts.linear_fc1.weight=W_u mlp.shared_experts.linear_fc2.weight=W_oMLP "
        "mlp.experts.suv=s_u mlp.router.weight=W_router",
        experts=True,
    )
    return whole.in_folder(at, MEGATRON | {"init_method_std": STD})


FAMILIES = (
    Family("nvidia", "nvidia_ngpt", one_scale),
    Family("ngpt_plus", "ngpt_plus", grouped),
    Family("ngpt_plus-shared", "ngpt_plus", lambda at: grouped(at, prefix="shared_attn.")),
    Family("olmo_core", "olmo_core_ngpt", olmo_core),
    Family("nous", "nous_ngpt", nous),
    Family("dory", "dory", dory),
    Family("nemotron", "hf_ngpt", nemotron),
    Family("nemotron-vectors", "hf_ngpt", lambda at: nemotron(at, weight="")),
    Family("evintunador", "evintunador_ngpt", evintunador),
    Family("moscales", "evintunador_ngpt", lambda at: evintunador(at, moscales=True)),
    Family("alxndrtl", "alxndrtl_ngpt", alxndrtl),
    Family("dolomite", "dolomite_ngpt", dolomite),
    Family("bailing", "bailing_ngpt", bailing),
    Family("megatron", "megatron_ngpt", plain),
    Family("megatron-experts", "megatron_ngpt", experts),
    Family("megatron-gated-hybrid", "megatron_ngpt_gated", gated_hybrid),
)
