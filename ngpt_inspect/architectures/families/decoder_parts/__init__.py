"""The parts that decoders are made of, and every name that is known for each."""

from __future__ import annotations

from collections.abc import Mapping

from ngpt_inspect.architectures.engine.architecture import Rule, whole
from ngpt_inspect.architectures.engine.cuts import QKV, QKV_BY_GROUP, THIRDS
from ngpt_inspect.architectures.families.decoder_parts.attention import (
    BY_HEAD_NAMES,
    GATE_QKV,
    QKV_BY_ROW,
    QKV_NAMES,
    QVK_BY_QUARTER,
    by_axes,
    gated_queries,
    in_the_place_of_attention,
    latent,
    odd,
    one,
    shared_queries,
    split,
)
from ngpt_inspect.architectures.families.decoder_parts.beside import SIDE
from ngpt_inspect.architectures.families.decoder_parts.feed_forward import (
    ROUTERS,
    alternate,
    gate_last,
    grouped,
    mlp,
    rows_of_experts,
    stacks,
    stacks_of_mlx,
)
from ngpt_inspect.architectures.families.decoder_parts.mixers import MIXERS
from ngpt_inspect.architectures.families.decoder_parts.norms import NORMS
from ngpt_inspect.architectures.families.decoder_parts.outside import OUTSIDE
from ngpt_inspect.architectures.families.decoder_parts.words import MLP, SHARED, named
from ngpt_inspect.vocabulary import Role


def turned(when: Mapping[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    """Return the blocks of GPT-2's kind, whose Conv1D stores (in, out)."""
    return (
        *one(("c_attn.weight",), THIRDS, "turned", "d_model", transposed=True, when=when),
        *(
            whole(named(("mlp.",), leaf), role, transposed=True, block="mlp/turned", when=when)
            for leaf, role in (("c_fc.weight", Role.W_U), ("c_proj.weight", Role.W_O_MLP))
        ),
    )


ALL = (
    *OUTSIDE,
    *split(),
    *split("attention/keys of another layer", keys=False),
    *gated_queries(),
    *one(QKV_NAMES, QKV, "in one"),
    *one(BY_HEAD_NAMES, QKV_BY_GROUP, "in one by group"),
    *one(
        BY_HEAD_NAMES,
        QKV,
        "one after another",
        when={"model_type": ("sarvam_moe", "bailing_moe", "bailing_moe_v2")},
    ),
    # ChatGLM from its second generation on; the first, of the same model_type, is by head.
    *one(BY_HEAD_NAMES, QKV, "many queries", when={"multi_query_attention": ("true",)}),
    # gpt-fast has the same name for all queries, then all keys, then all values.
    *one(("wqkv.weight",), QKV_BY_GROUP, "wqkv by group", when={"model_type": ("internlm2",)}),
    # Megatron-LM before its core, whose checkpoints say in which order they are.
    *one(BY_HEAD_NAMES, QKV, "version 0", when={"checkpoint_version": ("0", "0.0")}),
    *one(BY_HEAD_NAMES, QKV_BY_ROW, "version 1", when={"checkpoint_version": ("1", "1.0")}),
    *one(QKV_NAMES, QVK_BY_QUARTER, "in one by quarter", when={"model_type": ("codegen",)}),
    *turned({"model_type": ("openai-gpt",)}),
    *one(("gqkv_proj.weight",), GATE_QKV, "gates and all in one"),
    *latent(),
    *odd(),
    *by_axes(),
    *shared_queries(),
    *one(("c_attn.weight",), QKV_BY_GROUP, "one key", when={"model_type": ("gpt_bigcode",)}),
    *in_the_place_of_attention(),
    *MIXERS,
    *mlp(MLP, "mlp"),
    *gate_last("model_type", "moonshine", "moonshine_streaming"),
    *gate_last("d_intermediate", "*"),  # mamba_ssm, whose GatedMLP is that of flash-attn
    *mlp(
        tuple(
            f"{home}{of}.{{expert}}." for home in MLP for of in ("experts", "experts.local_experts")
        ),
        "experts",
    ),
    *grouped(),
    *stacks(transposed=False),
    *stacks(transposed=True),
    *stacks_of_mlx(),
    *rows_of_experts(),
    *alternate(),
    *mlp(SHARED, "shared", "d_shared"),
    *ROUTERS,
    *NORMS,
    *SIDE,
)
"""Blocks that a layer may have; of each the variant that places most of its tensors."""
