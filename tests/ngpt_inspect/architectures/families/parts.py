"""Decoders of known parts that have no layout of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from families.known import HEADS, HF_CONFIG, Expected, Family, known_gpt, written


def write(
    folder: Path, model_type: str, names: tuple[str, str, str], kv: int = HEADS, **config: Any
) -> Expected:
    """Write a GPT under these names of its roles."""
    outside, at, inside = names
    plus_one = model_type in ONE_PLUS_W
    outside = f"{outside} lm_head.weight=E_output"
    whole = written(known_gpt(kv), outside, at, inside, plus_one=plus_one)
    fused = {n: len(a) for n, a in whole.state.items() if "qkv" in n or "query_key_value" in n}
    for name, length in fused.items():
        whole.state[name.replace(".weight", ".bias")] = np.zeros(length)
    return whole.in_folder(folder, HF_CONFIG | {"model_type": model_type, **config})


ONE_PLUS_W = ("nemotron", "recurrent_gemma", "t5gemma")
BLOOM = (
    "transformer.word_embeddings.weight=E_input transformer.ln_f.weight=gain_final",
    "transformer.h.{}.",
    "input_layernorm.weight=gain_A post_attention_layernorm.weight=gain_M "
    "self_attention.query_key_value.weight=W_q|W_k|W_v self_attention.dense.weight=W_o "
    "mlp.dense_h_to_4h.weight=W_u mlp.dense_4h_to_h.weight=W_oMLP",
)
SARVAM = (*BLOOM[:2], BLOOM[2].replace("W_q|W_k|W_v", "W_q+W_k+W_v"))
MPT = (
    "transformer.wte.weight=E_input transformer.norm_f.weight=gain_final",
    "transformer.blocks.{}.",
    "norm_1.weight=gain_A norm_2.weight=gain_M "
    "attn.Wqkv.weight=W_q+W_k+W_v attn.out_proj.weight=W_o "
    "ffn.up_proj.weight=W_u ffn.down_proj.weight=W_oMLP",
)
EXAONE = (
    "somebodys.stack.wte.weight=E_input somebodys.stack.ln_f.weight=gain_final",
    "somebodys.stack.h.{}.",
    "ln_1.weight=gain_A ln_2.weight=gain_M attn.attention.q_proj.weight=W_q "
    "attn.attention.k_proj.weight=W_k attn.attention.v_proj.weight=W_v "
    "attn.attention.out_proj.weight=W_o "
    "mlp.c_fc_0.weight=W_nu mlp.c_fc_1.weight=W_u mlp.c_proj.weight=W_oMLP",
)
GLM = (
    "model.embed_tokens.weight=E_input model.norm.weight=gain_final",
    "model.layers.{}.",
    "input_layernorm.weight=gain_A post_attention_layernorm.weight=gain_M "
    "self_attn.q_proj.weight=W_q self_attn.k_proj.weight=W_k self_attn.v_proj.weight=W_v "
    "self_attn.o_proj.weight=W_o "
    "mlp.gate_up_proj.weight=W_nu+W_u mlp.down_proj.weight=W_oMLP",
)
INTERNLM2 = (
    "model.tok_embeddings.weight=E_input model.norm.weight=gain_final",
    GLM[1],
    "attention_norm.weight=gain_A ffn_norm.weight=gain_M "
    "attention.wqkv.weight=W_q|W_k|W_v attention.wo.weight=W_o "
    "feed_forward.w1.weight=W_nu feed_forward.w3.weight=W_u feed_forward.w2.weight=W_oMLP",
)
BAICHUAN = (
    *GLM[:2],
    "input_layernorm.weight=gain_A post_attention_layernorm.weight=gain_M "
    "self_attn.W_pack.weight=W_q+W_k+W_v self_attn.o_proj.weight=W_o "
    "mlp.gate_proj.weight=W_nu mlp.up_proj.weight=W_u mlp.down_proj.weight=W_oMLP",
)
GATE_FIRST = (*GLM[:2], GLM[2].replace("gate_up_proj", "fc1").replace("down_proj", "fc2"))
GATE_LAST = (*GLM[:2], GATE_FIRST[2].replace("W_nu+W_u", "W_u+W_nu"))
OPENELM = (
    "transformer.token_embeddings.weight=E_input transformer.norm.weight=gain_final",
    "transformer.layers.{}.",
    "attn_norm.weight=gain_A ffn_norm.weight=gain_M "
    "attn.qkv_proj.weight=W_q+W_k+W_v attn.out_proj.weight=W_o "
    "ffn.proj_1.weight=W_nu+W_u ffn.proj_2.weight=W_oMLP",
)

FAMILIES = tuple(
    Family(
        name=f"decoder-{model_type}-{kv}",
        architecture="decoder",
        write=partial(write, model_type=model_type, names=names, kv=kv, **config),
    )
    for model_type, names, kv, config in (
        ("bloom", BLOOM, HEADS, {}),
        ("falcon", BLOOM, 2, {"num_kv_heads": 2}),
        ("falcon", BLOOM, 1, {"multi_query": True}),
        ("sarvam_moe", SARVAM, 2, {}),
        ("chatglm", BLOOM, HEADS, {}),
        ("chatglm", SARVAM, 2, {"multi_query_attention": True, "multi_query_group_num": 2}),
        ("internlm2", INTERNLM2, 2, {"num_key_value_heads": 2}),
        ("baichuan", BAICHUAN, HEADS, {}),
        ("openelm", OPENELM, 2, {}),
        ("moonshine", GATE_LAST, 2, {}),
        ("", GATE_LAST, HEADS, {"d_intermediate": 24}),
        ("moshi", GATE_FIRST, 2, {}),
        *((model_type, GLM, 2, {"num_key_value_heads": 2}) for model_type in ONE_PLUS_W),
        ("mpt", MPT, HEADS, {}),
        ("exaone", EXAONE, 2, {"num_key_value_heads": 2}),
        ("glm", GLM, 2, {"num_key_value_heads": 2}),
    )
)
