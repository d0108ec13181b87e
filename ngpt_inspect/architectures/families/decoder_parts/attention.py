"""Attention of every kind: apart, in one, over latents, gated, and what stands in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ngpt_inspect.architectures.engine.architecture import Product, Rule, whole
from ngpt_inspect.architectures.engine.cuts import Cut, equal, fused
from ngpt_inspect.architectures.families.decoder_parts.words import (
    ANY,
    ATTENTION,
    OUTPUTS,
    K,
    Q,
    V,
    named,
    optional,
    weights,
)
from ngpt_inspect.vocabulary import Role


def _beside(block: str) -> tuple[Rule, ...]:
    """Return what an attention of any kind may have beside its projections."""
    gates = ("gate_proj.weight", "g_proj.weight", "linear_gate.weight", "gate_attn.weight")
    sinks = ("sinks", "attn_sink", "softmax_offset", "learnable_sink_param", "attention_sink_bias")
    q_norms = ("q_norm.weight", "q_layernorm.weight", "query_layernorm.weight")
    k_norms = ("k_norm.weight", "k_layernorm.weight", "key_layernorm.weight")
    return (
        optional(named(ATTENTION, gates), Role.W_GATE_A, "d_gate, d_model", block),
        optional(named(ATTENTION, sinks), Role.SINK, "d_sinks", block),
        optional(named(ATTENTION, q_norms), Role.GAIN_Q, "d_q_norm", block),
        optional(named(ATTENTION, k_norms), Role.GAIN_K, "d_k_norm", block),
    )


def _out(block: str, width: str = "n_heads*d_v") -> Rule:
    return Rule(
        name=named(ATTENTION, OUTPUTS),
        role=Role.W_O,
        shape=f"d_model, {width}",
        block=block,
    )


def split(block: str = "attention/split", *, keys: bool = True) -> tuple[Rule, ...]:
    """Return an attention with a matrix each; a later layer may use the keys of another."""
    matrices = [
        Rule(name=named(ATTENTION, Q), role=Role.W_Q, shape="n_heads*d_k, d_in", block=block)
    ]
    if keys:
        matrices += [
            Rule(name=named(ATTENTION, leaves), role=role, shape=shape, block=block)
            for leaves, role, shape in (
                (K, Role.W_K, "n_kv_heads*d_k, d_in"),
                (V, Role.W_V, "n_kv_heads*d_v, d_in"),
            )
        ]
    return (*matrices, _out(block, "n_heads*d_v" if keys else "n_heads*d_k"), *_beside(block))


def one(
    leaves: tuple[str, ...], cut: Cut, variant: str, width: str = "n_heads*d_k", **more: Any
) -> tuple[Rule, ...]:
    """Return an attention whose queries, keys and values are one matrix."""
    block = f"attention/{variant}"
    turned = {"transposed": True} if more.get("transposed") else {}
    matrices = (*fused(named(ATTENTION, leaves), cut, block=block, **turned), _out(block, width))
    return (
        *(replace(rule, **more) for rule in matrices),
        *(replace(rule, when=more.get("when", {})) for rule in _beside(block)),
    )


QKV_NAMES = ("qkv_proj.weight", "Wqkv.weight", "qkv.weight", "in_proj_weight", "W_pack.weight")
BY_HEAD_NAMES = ("query_key_value.weight", "linear_qkv.weight")
KV = equal("n_kv_heads*d_k", Role.W_K, Role.W_V)
"""All keys, then all values."""
GATED_Q = Cut(
    height="2*n_heads*d_k",
    groups="n_heads",
    rows={Role.W_Q: ("0", "d_k"), Role.W_GATE_A: ("d_k", "2*d_k")},
)
"""Each head: its query, and the gate of its output."""
QVK_BY_QUARTER = Cut(
    height="3*n_heads*d_k",
    groups="4",
    rows={
        Role.W_Q: ("0", "n_heads*d_k//4"),
        Role.W_V: ("n_heads*d_k//4", "2*n_heads*d_k//4"),
        Role.W_K: ("2*n_heads*d_k//4", "3*n_heads*d_k//4"),
    },
)
"""Each of four parts of the heads (once one a TPU core): queries, values, keys."""


QKV_BY_ROW = Cut(
    height="3*n_heads*d_k",
    groups="n_heads*d_k",
    rows={Role.W_Q: ("0", "1"), Role.W_K: ("1", "2"), Role.W_V: ("2", "3")},
)
"""A row of the queries, one of the keys, one of the values, in turns."""

GATE_QKV = Cut(
    height="2*(n_heads + n_kv_heads)*d_k",
    rows={
        Role.W_GATE_A: ("0", "n_heads*d_k"),
        Role.W_Q: ("n_heads*d_k", "2*n_heads*d_k"),
        Role.W_K: ("2*n_heads*d_k", "(2*n_heads + n_kv_heads)*d_k"),
        Role.W_V: ("(2*n_heads + n_kv_heads)*d_k", "2*(n_heads + n_kv_heads)*d_k"),
    },
)
"""All gates of outputs, then `QKV`."""

PRODUCTS = (
    Product(
        role=Role.W_Q,
        left=Role.W_Q_B,
        gain=Role.GAIN_Q_A,
        right=Role.W_Q_A,
        left_rows=("0", "d_q"),
        right_rows=("0", "r_q"),
    ),
    *(
        Product(
            role=role,
            left=Role.W_KV_B,
            gain=Role.GAIN_KV_A,
            right=Role.W_KV_A,
            left_rows=rows,
            right_rows=("0", "r_kv"),
        )
        for role, rows in ((Role.W_K, ("0", "d_kv - d_v")), (Role.W_V, ("d_kv - d_v", "d_kv")))
    ),
)
"""What heads make of latents (MLA)."""


def by_axes() -> tuple[Rule, ...]:
    """Return XLNet's attention, whose tensors are (d_model, heads, width of one)."""
    block = "attention/by axes"
    return tuple(
        Rule(
            name=named(("rel_attn.",), leaf),
            role=role,
            seen=seen,
            shape=shape,
            transposed=leaf not in ("o", "seg_embed"),
            block=block,
        )
        for leaf, role, seen, shape in (
            ("q", Role.W_Q, "a, b*c", "d_model, n_heads*d_k"),
            ("k", Role.W_K, "a, b*c", "d_model, n_kv_heads*d_k"),
            ("v", Role.W_V, "a, b*c", "d_model, n_kv_heads*d_k"),
            ("o", Role.W_O, "a, b*c", "d_model, n_heads*d_k"),
            ("r", Role.X_IN, "a, b*c", "d_model, n_heads*d_k"),
            ("seg_embed", Role.X_INNER, "a*b, c", "2*n_heads, d_k"),
        )
    )


def shared_queries() -> tuple[Rule, ...]:
    """Return Reformer's attention by hashes: its queries are its keys too."""
    block = "attention/queries are keys"
    return (
        Rule(
            name=named(ATTENTION, "query_key.weight"),
            role=Role.W_Q,
            shape="n_heads*d_k, d_in",
            block=block,
        ),
        Rule(name=named(ATTENTION, V), role=Role.W_V, shape="n_heads*d_k, d_in", block=block),
        _out(block),
    )


def gated_queries() -> tuple[Rule, ...]:
    """Return an attention whose queries come with a gate of the output, head by head."""
    block = "attention/gated queries"
    plain = [r for r in split(block) if r.role not in (Role.W_Q, Role.W_GATE_A)]
    return (*fused(named(ATTENTION, Q), GATED_Q, block=block), *plain)


def latent() -> tuple[Rule, ...]:
    """Return attention over latents (MLA): with a latent of the queries too, or without."""
    rules: list[Rule] = []
    low = ("q_a_proj.weight", Role.W_Q_A, "r_q, d_model")
    kinds = {
        "latent": [low, ("q_b_proj.weight", Role.W_Q_B, "n_heads*d_q, r_q")],
        # Queries and gates of two latents side by side (A.X K2).
        "two latents": [low, ("q_b_proj.weight", Role.W_Q_B, "n_heads*d_q, 2*r_q")],
        "latent keys": [("q_proj.weight", Role.W_Q, "n_heads*d_q, d_model")],
    }
    for kind, queries in kinds.items():
        block = f"attention/{kind}"
        rules += [
            Rule(name=named(ATTENTION, leaf), role=role, shape=shape, block=block)
            for leaf, role, shape in (
                *queries,
                ("kv_a_proj_with_mqa.weight", Role.W_KV_A, "r_kv + d_rope, d_model"),
                ("kv_b_proj.weight", Role.W_KV_B, "n_heads*d_kv, r_kv"),
            )
        ]
        rules += [
            optional(named(ATTENTION, "q_a_layernorm.weight"), Role.GAIN_Q_A, "r_q", block),
            optional(named(ATTENTION, "kv_a_layernorm.weight"), Role.GAIN_KV_A, "r_kv", block),
            _out(block),
            *_beside(block),
        ]
    return tuple(rules)


def odd() -> tuple[Rule, ...]:
    """Return attentions that one family each has."""
    experts: dict[str, Any] = {"block": "attention/experts", "stacked": "expert"}
    one_key = "attention/one key for all heads"
    delayed = "attention/delayed values"
    return (
        # JetMoE: queries and outputs of each expert, keys and values of all.
        whole(named(("self_attention.experts.",), "input_linear.weight"), Role.W_Q, **experts),
        whole(named(("self_attention.experts.",), "output_linear.weight"), Role.W_O, **experts),
        *fused(named(("self_attention.",), "kv_proj.weight"), KV, block="attention/experts"),
        # DeepSeek V4: one latent is the key and the value of every head; outputs in two steps.
        *(
            Rule(name=named(("attn.",), f"{leaf}.weight"), role=role, shape=shape, block=one_key)
            for leaf, role, shape in (
                ("wq_a", Role.W_Q_A, "r_q, d_model"),
                ("wq_b", Role.W_Q_B, "n_heads*d_q, r_q"),
                ("wkv", Role.W_KV_A, "d_kv, d_model"),
                ("wo_a", Role.X_INNER, "rows, columns"),
                ("wo_b", Role.X_OUT, "d_model, rows"),
            )
        ),
        optional(named(("attn.",), "q_norm.weight"), Role.GAIN_Q_A, "r_q", one_key),
        optional(named(("attn.",), "attn_sink"), Role.SINK, "n_heads", one_key),
        # Zaya: half of the values are those of the token before.
        whole(named(("self_attn.qkv_proj.",), "q_proj.weight"), Role.W_Q, block=delayed),
        whole(named(("self_attn.qkv_proj.",), "k_proj.weight"), Role.W_K, block=delayed),
        *(
            Rule(
                name=named(("self_attn.qkv_proj.",), f"v_proj_{half}.weight"),
                role=Role.X_IN,
                shape="d_half, d_model",
                block=delayed,
            )
            for half in ("current", "delayed")
        ),
        _out(delayed, "n_heads*d_k"),
    )


def in_the_place_of_attention() -> tuple[Rule, ...]:
    """Return mixers whose projections have the names of an attention: told by what is beside."""
    kinds = (
        # Kimi's delta attention; RWKV; the lightning attention of MiniMax.
        ("delta", ("A_log",), weights("q_proj k_proj v_proj"), OUTPUTS),
        ("rwkv", ("time_decay",), ("key.weight", "value.weight"), ("output.weight",)),
        ("lightning", ("slope_rate",), ("qkv_proj.weight",), ("out_proj.weight",)),
    )
    gates = (
        *("receptance.weight", "output_gate.weight", "g_proj.weight", "f_proj.weight"),
        *("b_proj.weight", "f_a_proj.weight", "g_a_proj.weight"),
    )
    inner = ("f_b_proj.weight", "g_b_proj.weight")

    def others(inputs: tuple[str, ...]) -> Iterator[tuple[Role, str]]:
        yield from ((Role.M_IN, leaf) for leaf in (*inputs, *gates))
        yield from ((Role.M_INNER, leaf) for leaf in inner)

    rules: list[Rule] = []
    for kind, marks, inputs, outputs in kinds:
        block = f"attention/{kind}"
        rules += [
            *(
                Rule(name=named(ATTENTION, leaves), role=role, shape=shape, block=block)
                for leaves, role, shape in (
                    (marks, Role.DECAY, ANY),
                    (outputs, Role.M_OUT, "d_model, i_1"),
                    (inputs[0], Role.M_IN, "o_0, i_0"),
                )
            ),
            *(
                optional(named(ATTENTION, leaf), role, f"o_{n}, i_{n}", block)
                for n, (role, leaf) in enumerate(others(inputs[1:]), 2)
            ),
        ]
    return tuple(rules)
