"""The parts that decoders are made of, and every name that is known for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.architectures.engine.cuts import QKV, QKV_BY_GROUP, THIRDS, Cut, fused, halves
from ngpt_inspect.architectures.families._llama import GAIN_OFFSET
from ngpt_inspect.vocabulary import Role

LAYER = "layers.{layer}."
ATTENTION = (
    *("self_attn.", "attn.", "attention.", "self_attention.", "attn.attention.", "mixer."),
    *("multi_head_attention.", "attention.self.", "self_att.self_attention.", "attentions."),
    *("temporal_block.", "shared_transformer.self_attn.", "self_attn.qkv_proj."),
)
MLP = (
    *("mlp.", "feed_forward.", "ffn.", "mlp_block.", "block_sparse_moe.", "ffn.ffn.", "mlps."),
    *("ffns.", "mixer.", "shared_transformer.feed_forward.", ""),
)
MIXER = (
    *("mamba.", "mixer.", "linear_attn.", "conv.", "mamba_decoder.mamba.", "temporal_block."),
    *("temporal_block.rg_lru.",),
)
SHARED = tuple(
    before + name for before in MLP for name in ("shared_expert.", "shared_experts.", "shared_mlp.")
)
Q, K, V = (
    tuple(
        f"{name}.weight"
        for name in (
            *(f"{x}_proj", f"{x}_proj.linear", word, f"W{x}", f"w{x}"),
            *(f"{x}_lin", f"project_{x}", f"c_{x}"),
        )
    )
    for x, word in (("q", "query"), ("k", "key"), ("v", "value"))
)
OUTPUTS = tuple(
    f"{name}.weight"
    for name in (
        *("o_proj", "out_proj", "dense", "Wo", "wo", "out_lin", "attention_out", "c_proj"),
        *("o_proj.linear", "output.dense"),
    )
)


ANY = "a|a, b|a, b, c|a, b, c, d"
"""Shapes of what has no fixed one."""


def _weights(names: str) -> tuple[str, ...]:
    return tuple(f"{name}.weight" for name in names.split())


def named(homes: tuple[str, ...], leaves: tuple[str, ...] | str) -> str:
    """Return the template of each leaf in each home, one tensor of which a layer has."""
    leaves = (leaves,) if isinstance(leaves, str) else leaves
    return "|".join(f"{LAYER}{home}{leaf}" for home in homes for leaf in leaves)


def _optional(name: str, role: Role, shape: str, block: str) -> Rule:
    gain = role.value.startswith("gain")
    offset = GAIN_OFFSET.name if gain else "0"
    return Rule(name=name, role=role, shape=shape, block=block, optional=True, offset=offset)


def _beside(block: str) -> tuple[Rule, ...]:
    """Return what an attention of any kind may have beside its projections."""
    gates = ("gate_proj.weight", "g_proj.weight", "linear_gate.weight")
    sinks = ("sinks", "attn_sink", "softmax_offset", "learnable_sink_param", "attention_sink_bias")
    q_norms = ("q_norm.weight", "q_layernorm.weight", "query_layernorm.weight")
    k_norms = ("k_norm.weight", "k_layernorm.weight", "key_layernorm.weight")
    return (
        _optional(named(ATTENTION, gates), Role.W_GATE_A, "d_gate, d_model", block),
        _optional(named(ATTENTION, sinks), Role.SINK, "d_sinks", block),
        _optional(named(ATTENTION, q_norms), Role.GAIN_Q, "d_q_norm", block),
        _optional(named(ATTENTION, k_norms), Role.GAIN_K, "d_k_norm", block),
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


QKV_NAMES = ("qkv_proj.weight", "Wqkv.weight", "qkv.weight")
BY_HEAD_NAMES = ("query_key_value.weight",)
KV = Cut(
    height="2*n_kv_heads*d_k",
    rows={
        Role.W_K: ("0", "n_kv_heads*d_k"),
        Role.W_V: ("n_kv_heads*d_k", "2*n_kv_heads*d_k"),
    },
)
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
            _optional(named(ATTENTION, "q_a_layernorm.weight"), Role.GAIN_Q_A, "r_q", block),
            _optional(named(ATTENTION, "kv_a_layernorm.weight"), Role.GAIN_KV_A, "r_kv", block),
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
        Rule(
            name=named(("self_attention.experts.",), "input_linear.weight"),
            role=Role.W_Q,
            shape="n_experts, n_heads*d_k, d_model",
            **experts,
        ),
        Rule(
            name=named(("self_attention.experts.",), "output_linear.weight"),
            role=Role.W_O,
            shape="n_experts, d_model, n_heads*d_k",
            **experts,
        ),
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
        _optional(named(("attn.",), "q_norm.weight"), Role.GAIN_Q_A, "r_q", one_key),
        _optional(named(("attn.",), "attn_sink"), Role.SINK, "n_heads", one_key),
        # Zaya: half of the values are those of the token before.
        Rule(
            name=named(("self_attn.qkv_proj.",), "q_proj.weight"),
            role=Role.W_Q,
            shape="n_heads*d_k, d_model",
            block=delayed,
        ),
        Rule(
            name=named(("self_attn.qkv_proj.",), "k_proj.weight"),
            role=Role.W_K,
            shape="n_kv_heads*d_k, d_model",
            block=delayed,
        ),
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
        ("delta", ("A_log",), _weights("q_proj k_proj v_proj"), OUTPUTS),
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
                _optional(named(ATTENTION, leaf), role, f"o_{n}, i_{n}", block)
                for n, (role, leaf) in enumerate(others(inputs[1:]), 2)
            ),
        ]
    return tuple(rules)


def each(names: str, role: Role, shape: str = "rows, columns") -> tuple[Rule, ...]:
    """Return one rule a name: a block each, for tensors that stand for themselves."""
    offset = GAIN_OFFSET.name if role.value.startswith("gain") else "0"
    return tuple(
        Rule(name=name, role=role, shape=shape, offset=offset, optional=True)
        for name in names.split("|")
    )


MIXERS = (
    *each(
        named(
            MIXER,
            tuple(
                f"{name}.weight"
                for name in (
                    *("in_proj", "in_proj_qkv", "in_proj_z", "in_proj_a", "in_proj_b"),
                    *("in_proj_ba", "in_proj_qkvz", "linear_x", "linear_y"),
                )
            ),
        ),
        Role.M_IN,
    ),
    *each(
        named(
            ("linear_attn.",),
            tuple(f"{name}_proj.weight" for name in ("q", "k", "v", "a", "b", "g")),
        ),
        Role.M_IN,
    ),
    *each(named(MIXER, ("x_proj.weight", "dt_proj.weight")), Role.M_INNER),
    *each(
        named(tuple(m for m in MIXER if m != "attn."), ("out_proj.weight", "linear_out.weight")),
        Role.M_OUT,
    ),
    *each(named(("linear_attn.",), "o_proj.weight"), Role.M_OUT),
    *each(named(MIXER, "A_log"), Role.DECAY, ANY),
)


def mlp(
    homes: tuple[str, ...],
    block: str,
    width: str = "d_mlp",
    *,
    stacked: str = "",
) -> tuple[Rule, ...]:
    """Return every way an MLP is kept: gated or plain, gate and up apart or in one."""
    ups = _weights("up_proj w3 c_fc_1 w_in.w_1 fc_2")
    gates = _weights("gate_proj w1 c_fc_0 w_in.w_0 fc_1 linear_gate")
    downs = _weights("down_proj w2 c_proj w_out proj")
    alone = _weights("up_proj fc1 dense_h_to_4h fc_in c_fc lin1 0 intermediate.dense fc key")
    after = _weights("down_proj fc2 dense_4h_to_h fc_out c_proj lin2 2 output.dense value")
    both = _weights("gate_up_proj Wi fc1 input_linear")
    last = _weights("down_proj Wo fc2 output_linear")

    def plain(leaves: tuple[str, ...], role: Role, variant: str) -> Rule:
        shape = f"d_model, {width}" if role is Role.W_O_MLP else f"{width}, d_model"
        return Rule(name=named(homes, leaves), role=role, shape=shape, block=f"{block}/{variant}")

    return (
        plain(ups, Role.W_U, "gated"),
        plain(gates, Role.W_NU, "gated"),
        plain(downs, Role.W_O_MLP, "gated"),
        plain(alone, Role.W_U, "plain"),
        plain(after, Role.W_O_MLP, "plain"),
        *fused(named(homes, both), halves(Role.W_NU, Role.W_U, width), block=f"{block}/in one"),
        plain(last, Role.W_O_MLP, "in one"),
    )


def stacks(*, transposed: bool) -> tuple[Rule, ...]:
    """Return experts that one tensor holds, gate and up in one, (out, in) each or (in, out)."""
    block = f"experts/stacked {'(in, out)' if transposed else '(out, in)'}"
    both = ("experts.gate_up_proj", "input_linear.weight", "experts.fc1.weight")
    last = ("experts.down_proj", "output_linear.weight", "experts.fc2.weight")
    ends = ("d_mlp", "d_model") if transposed else ("d_model", "d_mlp")
    how: dict[str, Any] = {"stacked": "expert", "transposed": transposed, "block": block}
    return (
        *fused(named(MLP, both), halves(Role.W_NU, Role.W_U), **how),
        Rule(
            name=named(MLP, last),
            role=Role.W_O_MLP,
            shape=f"n_experts, {ends[0]}, {ends[1]}",
            **how,
        ),
    )


def turned(when: Mapping[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    """Return the blocks of GPT-2's kind, whose Conv1D stores (in, out)."""
    return (
        *one(("c_attn.weight",), THIRDS, "turned", "d_model", transposed=True, when=when),
        *(
            Rule(
                name=named(("mlp.",), leaf),
                role=role,
                shape=shape,
                transposed=True,
                block="mlp/turned",
                when=when,
            )
            for leaf, role, shape in (
                ("c_fc.weight", Role.W_U, "d_model, d_mlp"),
                ("c_proj.weight", Role.W_O_MLP, "d_mlp, d_model"),
            )
        ),
    )


ROUTERS = each(
    named(
        MLP,
        tuple(
            f"{name}.weight"
            for name in (
                *("gate", "router", "router.layer", "router.gate", "router.classifier", "gate.wg"),
                "gate.router_mlp.out_proj",
            )
        ),
    ),
    Role.W_ROUTER,
    "n_experts, any",
)


def _gain(names: tuple[str, ...], role: Role) -> tuple[Rule, ...]:
    return each(named(("",), tuple(f"{name}.weight" for name in names)), role, "d_gain")


def _post(names: tuple[str, ...], role: Role, variant: str) -> Rule:
    return Rule(
        name=named(("",), tuple(f"{name}.weight" for name in names)),
        role=role,
        shape="d_gain",
        block=f"after attention/{variant}",
        offset=GAIN_OFFSET.name,
    )


_AFTER_ATTENTION = ("post_attention_layernorm",)
NORMS = (
    *_gain(
        (
            *("input_layernorm", "attention_layernorm", "attention_layer_norm", "ln_1", "ln1"),
            *("ln_attn", "attn_norm", "norm_1", "operator_norm", "temporal_pre_norm"),
            *("layernorm1", "self_attn_layer_norm", "input_layernorm.norm", "norm"),
            *("self_att.layernorm_before_attention", "shared_transformer.input_layernorm"),
        ),
        Role.GAIN_A,
    ),
    *_gain(
        (
            *("feedforward_layernorm", "feedforward_layer_norm", "ln_2", "ln2", "ln_mlp"),
            *("mlp_norm", "ffn_norm", "norm_2", "pre_ff_layernorm", "channel_pre_norm"),
            *("layernorm2", "final_layer_norm", "ffn.layernorm_before_ffn"),
            *("post_attention_layernorm.norm", "shared_transformer.pre_ff_layernorm"),
        ),
        Role.GAIN_M,
    ),
    *_gain(
        (
            *("post_self_attn_layernorm", "post_operator_norm", "attention.output.LayerNorm"),
            "layer_norm1",
        ),
        Role.GAIN_POST_A,
    ),
    *_gain(
        ("post_mlp_layernorm", "post_ffn_norm", "output.LayerNorm", "layer_norm2"),
        Role.GAIN_POST_M,
    ),
    # The same name is of the norm before the MLP, unless another is.
    _post(_AFTER_ATTENTION, Role.GAIN_M, "the last"),
    _post(_AFTER_ATTENTION, Role.GAIN_POST_A, "sandwiched"),
    _post(("pre_feedforward_layernorm", "pre_mlp_layernorm"), Role.GAIN_M, "sandwiched"),
    _post(_AFTER_ATTENTION, Role.GAIN_POST_A, "after both"),
    _post(("post_feedforward_layernorm",), Role.GAIN_POST_M, "after both"),
    _post(_AFTER_ATTENTION, Role.GAIN_POST_A, "all four"),
    _post(("pre_feedforward_layernorm",), Role.GAIN_M, "all four"),
    _post(("post_feedforward_layernorm",), Role.GAIN_POST_M, "all four"),
)

OUTSIDE = (
    *(
        Rule(name=name, role=role, shape=shape, optional=role is not Role.E_INPUT)
        for name, role, shape in (
            (
                "|".join(
                    f"{name}.weight"
                    for name in (
                        *("embed_tokens", "wte", "word_embeddings", "embeddings", "embed_in"),
                        *("tokens_embed", "embedding", "input_embedding", "tok_embeddings"),
                        *("embeddings.word_embeddings", "embeddings.tok_embeddings", "w"),
                    )
                ),
                Role.E_INPUT,
                "vocab_size, d_model",
            ),
            (
                "lm_head.weight|embed_out.weight|head.weight|cls.predictions.decoder.weight"
                "|lm_head.decoder.weight|pred_layer.proj.weight",
                Role.E_OUTPUT,
                "vocab_size, d_model",
            ),
            (
                "|".join(
                    f"{name}.weight"
                    for name in (
                        *("embed_positions", "wpe", "position_embeddings", "positions_embed"),
                        "embeddings.position_embeddings",
                    )
                ),
                Role.E_POSITION,
                "context, d_model",
            ),
        )
    ),
    Rule(
        name="|".join(
            f"{name}.weight"
            for name in (
                *("norm", "ln_f", "final_layernorm", "final_layer_norm", "norm_f", "layer_norm"),
                *("embedding_norm", "final_norm", "ln_out", "output_layernorm", "layernorm"),
            )
        ),
        role=Role.GAIN_FINAL,
        shape="d_gain",
        offset=GAIN_OFFSET.name,
        optional=True,
    ),
    *each("project_in.weight|pre_projection.weight|embeddings_project.weight", Role.X_OUT),
    *each("project_out.weight|post_projection.weight", Role.X_IN),
    *each("encoder.embedding_hidden_mapping_in.weight", Role.X_OUT),
    *each("generator_predictions.dense.weight|pooler.weight|pooler.dense.weight", Role.X_IN),
    *each(
        "lm_head.dense.weight|cls.predictions.transform.dense.weight|cls.predictions.dense.weight",
        Role.X_IN,
    ),
)

_SIDE_IN = (
    *("self_attn.indexer.weights_proj", "self_attn.indexer.wk", "self_attn.r_proj"),
    *("encoder_attn.q_proj", "encoder_attn.k_proj", "encoder_attn.v_proj", "linear"),
    *("per_layer_input_gate", "laurel.linear_left", "altup.modality_router"),
    *("feed_forward.receptance", "input_layernorm.W_down", "post_attention_layernorm.W_down"),
    *("attn.compressor.wgate", "attn.compressor.wkv", "mlp.gate.down_proj"),
    *("attn.indexer.weights_proj", "attn.indexer.wk"),
    "shared_transformer.feed_forward.gate_up_proj_adapter_list.{expert}.0",
)
_SIDE_INNER = (
    *("self_attn.indexer.wq_b", "attn.indexer.wq_b", "self_attn.dt_proj"),
    *("altup.correction_coefs", "altup.prediction_coefs"),
    *("mlp.gate.router_mlp.fc1", "mlp.gate.router_mlp.fc2"),
    *(
        f"{block}_hyper_connection.{name}"
        for block in ("attn", "mlp")
        for name in ("block_inject_weight", "input_mix_weight_down", "input_mix_weight_up")
    ),
    "shared_transformer.feed_forward.gate_up_proj_adapter_list.{expert}.1",
)
_SIDE_OUT = (
    *("encoder_attn.out_proj", "per_layer_projection", "laurel.linear_right"),
    *("input_layernorm.W_up", "post_attention_layernorm.W_up"),
)
_BARE = (
    *("self_attn.rel_logits_proj.proj", "attn.compressor.ape", "hc_attn_fn", "hc_ffn_fn"),
    *("hc_pre.hc_attn_layer.hc_fn", "hc_pre.hc_mlp_layer.hc_fn", "ffn.gate.tid2eid"),
)
_DECAYS = ("diagonal_decay", "key_decay", "query_decay")
SIDE = (
    *each(named(("",), tuple(f"{name}.weight" for name in _SIDE_IN)), Role.X_IN),
    *each(named(MLP, "shared_expert_gate.weight"), Role.X_IN),
    *(
        Rule(
            name=named(("mlp.shared_experts.",), name),
            role=role,
            shape="n_shared, rows, columns",
            stacked="expert",
            optional=True,
        )
        for name, role in (
            ("gate_proj", Role.X_IN),
            ("up_proj", Role.X_IN),
            ("down_proj", Role.X_OUT),
        )
    ),
    *each(named(("",), tuple(f"{name}.weight" for name in _SIDE_INNER)), Role.X_INNER),
    *each(named(("",), tuple(f"{name}.weight" for name in _SIDE_OUT)), Role.X_OUT),
    *each(named(("",), _BARE), Role.X_INNER),
    *each(named(("self_attn.",), _DECAYS), Role.DECAY, ANY),
    *each(named(("self_attention.experts.",), "router.layer.weight"), Role.W_ROUTER),
    *(
        Rule(
            name=named(("temporal_block.rg_lru.",), f"{gate}_gate_weight"),
            role=Role.M_INNER,
            shape="blocks, rows, columns",
            stacked="expert",
            optional=True,
        )
        for gate in ("input", "recurrent")
    ),
    *each(
        "altup_projections.{expert}.weight|altup_unembed_projections.{expert}.weight"
        "|embed_tokens_per_layer.weight|segment_embedding.weight"
        "|embeddings.token_type_embeddings.weight|hc_head.hc_fn|hc_pre.hc_head.hc_head_fn"
        "|hyper_connection_mixer.input_mix_weight_down.weight"
        "|hyper_connection_mixer.input_mix_weight_up.weight",
        Role.X_INNER,
    ),
    *each("per_layer_model_projection.weight", Role.X_IN),
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
    *one(QKV_NAMES, QVK_BY_QUARTER, "in one by quarter", when={"model_type": ("codegen",)}),
    *turned({"model_type": ("openai-gpt",)}),
    *latent(),
    *odd(),
    *one(("c_attn.weight",), QKV_BY_GROUP, "one key", when={"model_type": ("gpt_bigcode",)}),
    *in_the_place_of_attention(),
    *MIXERS,
    *mlp(MLP, "mlp"),
    *mlp(tuple(f"{home}experts.{{expert}}." for home in MLP), "experts"),
    *stacks(transposed=False),
    *stacks(transposed=True),
    *mlp(SHARED, "shared", "d_shared"),
    *ROUTERS,
    *NORMS,
    *SIDE,
)
"""Blocks that a layer may have; of each the variant that places most of its tensors."""
