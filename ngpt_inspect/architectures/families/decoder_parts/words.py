"""The names that decoders use for their homes and leaves, and rules made of them."""

from __future__ import annotations

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.architectures.families._llama import GAIN_OFFSET
from ngpt_inspect.vocabulary import Role

LAYER = "layers.{layer}."
ATTENTION = (
    *("self_attn.", "attn.", "attention.", "self_attention.", "attn.attention.", "mixer."),
    *("multi_head_attention.", "attention.self.", "self_att.self_attention.", "attentions."),
    *("temporal_block.", "shared_transformer.self_attn.", "self_attn.qkv_proj."),
    *("norm_attn_norm.attn.", "rel_attn.", "attention.self_attention."),
    *("shared_transf.self_attn.",),
)
MLP = (
    *("mlp.", "feed_forward.", "ffn.", "mlp_block.", "block_sparse_moe.", "ffn.ffn.", "mlps."),
    *("ffns.", "mixer.", "shared_transformer.feed_forward.", "shared_transf.feed_forward."),
    *("ff.", "ffwd.", "ffwd.net.", "feed_forward.net.", "ff.net.", ""),
)
MIXER = (
    *("mamba.", "mixer.", "linear_attn.", "conv.", "mamba_decoder.mamba.", "temporal_block."),
    *("temporal_block.rg_lru.", "mlstm_layer."),
)
SHARED = tuple(
    before + name for before in MLP for name in ("shared_expert.", "shared_experts.", "shared_mlp.")
)
ANY = "a|a, b|a, b, c|a, b, c, d"
"""Shapes of what has no fixed one."""


def weights(*names: str) -> tuple[str, ...]:
    """Return the leaf of each word's weight."""
    return tuple(f"{name}.weight" for name in " ".join(names).split())


Q, K, V = (
    weights(
        f"{x}_proj {x}_proj.linear {word} W{x} w{x} {x}_lin project_{x} c_{x} {word}_proj {tail}"
    )
    for x, word, tail in (
        ("q", "query", "wq_du"),
        ("k", "key", "wk_dv"),
        ("v", "value", "wv_dv"),
    )
)
OUTPUTS = weights(
    "o_proj out_proj dense Wo wo out_lin attention_out c_proj o_proj.linear output.dense wo_ud"
    " proj linear_proj"
)


def named(homes: tuple[str, ...], leaves: tuple[str, ...] | str) -> str:
    """Return the template of each leaf in each home, one tensor of which a layer has."""
    leaves = (leaves,) if isinstance(leaves, str) else leaves
    return "|".join(f"{LAYER}{home}{leaf}" for home in homes for leaf in leaves)


def optional(name: str, role: Role, shape: str, block: str = "") -> Rule:
    """Return a rule of a block that need not be there; a gain's offset is the family's."""
    offset = GAIN_OFFSET.name if role.value.startswith("gain") else "0"
    return Rule(name=name, role=role, shape=shape, block=block, optional=True, offset=offset)


def each(names: str, role: Role, shape: str = "rows, columns") -> tuple[Rule, ...]:
    """Return one rule a name: a block each, for tensors that stand for themselves."""
    return tuple(optional(name, role, shape) for name in names.split("|"))


def stack_of(name: str, role: Role, count: str = "n_stacked") -> Rule:
    """Return the rule of matrices that one tensor stacks, where a model has them."""
    shape = f"{count}, rows, columns"
    return Rule(name=name, role=role, shape=shape, stacked="expert", optional=True)
