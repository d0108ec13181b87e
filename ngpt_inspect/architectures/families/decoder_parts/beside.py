"""Side paths and what else stands for itself in a layer."""

from __future__ import annotations

from ngpt_inspect.architectures.families.decoder_parts.words import (
    ANY,
    MLP,
    each,
    named,
    stack_of,
    weights,
)
from ngpt_inspect.vocabulary import Role

_SIDE_IN = (
    *("self_attn.indexer.weights_proj", "self_attn.indexer.wk", "self_attn.r_proj"),
    *("encoder_attn.q_proj", "encoder_attn.k_proj", "encoder_attn.v_proj", "linear"),
    *("per_layer_input_gate", "laurel.linear_left", "altup.modality_router"),
    *("feed_forward.receptance", "input_layernorm.W_down", "post_attention_layernorm.W_down"),
    *("attn.compressor.wgate", "attn.compressor.wkv", "mlp.gate.down_proj"),
    *("attn.indexer.weights_proj", "attn.indexer.wk", "attn.wr_du", "attn.attn_sink_proj"),
    *("cross_attn.query_proj", "cross_attn.key_proj", "cross_attn.value_proj"),
    *("self_attn.relative_pos_embeddings", "self_attn.indexer.index_qk_proj"),
    *(f"self_attn.{index}{x}_proj" for index in ("indexer.", "index_") for x in "qk"),
    "mlp.pre_expert_proj",
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
    *("encoder_attn.out_proj", "cross_attn.out_proj", "per_layer_projection"),
    *("laurel.linear_right", "encoder_attn.o_proj"),
    *("input_layernorm.W_up", "post_attention_layernorm.W_up", "mlp.post_expert_proj"),
)
_BARE = (
    *("self_attn.rel_logits_proj.proj", "attn.compressor.ape", "hc_attn_fn", "hc_ffn_fn"),
    *("hc_pre.hc_attn_layer.hc_fn", "hc_pre.hc_mlp_layer.hc_fn", "ffn.gate.tid2eid"),
    *("attn.rel_logits_proj.proj", "attn.q_l2_clip.scale", "attn.rel_l2_clip.scale"),
)
_DECAYS = ("diagonal_decay", "key_decay", "query_decay")
SIDE = (
    *each(named(("",), weights(*_SIDE_IN)), Role.X_IN),
    *each(named(MLP, "shared_expert_gate.weight"), Role.X_IN),
    *(
        stack_of(named(("mlp.shared_experts.",), name), role, count="n_shared")
        for name, role in (
            ("gate_proj", Role.X_IN),
            ("up_proj", Role.X_IN),
            ("down_proj", Role.X_OUT),
        )
    ),
    *each(named(("",), weights(*_SIDE_INNER)), Role.X_INNER),
    *each(named(("",), weights(*_SIDE_OUT)), Role.X_OUT),
    *each(named(("",), _BARE), Role.X_INNER),
    *each(named(("self_attn.",), _DECAYS), Role.DECAY, ANY),
    *each(named(("self_attention.experts.",), "router.layer.weight"), Role.W_ROUTER),
    *(
        stack_of(named(("temporal_block.rg_lru.",), leaf), Role.M_INNER, count="blocks")
        for leaf in ("input_gate_weight", "recurrent_gate_weight")
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
