"""Gains of norms, before and after blocks."""

from __future__ import annotations

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.architectures.families._llama import GAIN_OFFSET
from ngpt_inspect.architectures.families.decoder_parts.words import each, named, weights
from ngpt_inspect.vocabulary import Role


def _gain(names: tuple[str, ...], role: Role) -> tuple[Rule, ...]:
    return each(named(("",), weights(*names)), role, "d_gain")


def _of_megatron(name: str, role: Role) -> tuple[Rule, ...]:
    """Return the gain of a norm that Megatron keeps with the projection after it."""
    return each(named(("",), f"{name}.layer_norm_weight"), role, "d_gain")


def _post(names: tuple[str, ...], role: Role, variant: str) -> Rule:
    return Rule(
        name=named(("",), weights(*names)),
        role=role,
        shape="d_gain",
        block=f"after attention/{variant}",
        offset=GAIN_OFFSET.name,
    )


_AFTER_ATTENTION = ("post_attention_layernorm",)
NORMS = (
    *_of_megatron("self_attention.linear_qkv", Role.GAIN_A),
    *_of_megatron("mlp.linear_fc1", Role.GAIN_M),
    *_gain(
        (
            *("input_layernorm", "attention_layernorm", "attention_layer_norm", "ln_1", "ln1"),
            *("ln_attn", "attn_norm", "norm_1", "operator_norm", "temporal_pre_norm"),
            *("layernorm1", "self_attn_layer_norm", "input_layernorm.norm", "norm"),
            *("self_att.layernorm_before_attention", "shared_transformer.input_layernorm"),
            *("norm_mlstm", "norm_attn_norm.norm_1", "attention.layer_norm"),
            *("shared_transf.input_layernorm", "norm1", "attention_norm"),
        ),
        Role.GAIN_A,
    ),
    *_gain(
        (
            *("feedforward_layernorm", "feedforward_layer_norm", "ln_2", "ln2", "ln_mlp"),
            *("mlp_norm", "ffn_norm", "norm_2", "pre_ff_layernorm", "channel_pre_norm"),
            *("layernorm2", "final_layer_norm", "ffn.layernorm_before_ffn"),
            *("post_attention_layernorm.norm", "shared_transformer.pre_ff_layernorm"),
            *("norm_ffn", "norm_attn_norm.norm_2", "feed_forward.layer_norm"),
            *("shared_transf.pre_ff_layernorm", "norm2"),
        ),
        Role.GAIN_M,
    ),
    *_gain(
        (
            *("post_self_attn_layernorm", "post_operator_norm", "attention.output.LayerNorm"),
            *("layer_norm1", "rel_attn.layer_norm"),
        ),
        Role.GAIN_POST_A,
    ),
    *_gain(
        (
            *("post_mlp_layernorm", "post_ffn_norm", "output.LayerNorm", "layer_norm2"),
            "ff.layer_norm",
        ),
        Role.GAIN_POST_M,
    ),
    # The same name is of the norm before the MLP, unless another is.
    _post(_AFTER_ATTENTION, Role.GAIN_M, "the last"),
    _post(("pre_mlp_layernorm",), Role.GAIN_M, "none"),
    _post(_AFTER_ATTENTION, Role.GAIN_POST_A, "sandwiched"),
    _post(("pre_feedforward_layernorm", "pre_mlp_layernorm"), Role.GAIN_M, "sandwiched"),
    _post(_AFTER_ATTENTION, Role.GAIN_POST_A, "after both"),
    _post(("post_feedforward_layernorm",), Role.GAIN_POST_M, "after both"),
    _post(("pre_feedforward_layernorm",), Role.GAIN_M, "none after attention"),
    _post(("post_feedforward_layernorm",), Role.GAIN_POST_M, "none after attention"),
    _post(_AFTER_ATTENTION, Role.GAIN_POST_A, "all four"),
    _post(("pre_feedforward_layernorm",), Role.GAIN_M, "all four"),
    _post(("post_feedforward_layernorm",), Role.GAIN_POST_M, "all four"),
)
