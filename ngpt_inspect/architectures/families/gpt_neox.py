"""GPT-NeoX and Pythia: one fused matrix in which each head has its query, key and value."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    ROTARY,
    Architecture,
    Rule,
    layer_biases,
)
from ngpt_inspect.architectures.engine.cuts import QKV_BY_HEAD, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "[gpt_neox.]layers.{layer}."

ARCHITECTURE = Architecture(
    name="gpt_neox",
    family="GPT",
    title="GPT-NeoX",
    source="transformers, models/gpt_neox/modeling_gpt_neox.py",
    notes=("GELU, no gate: there is no W_nu",),
    ignored={
        **layer_biases(
            _LAYER,
            *("attention.query_key_value", "attention.dense"),
            *("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
            *("input_layernorm", "post_attention_layernorm"),
        ),
        "[gpt_neox.]final_layer_norm.bias": BIAS,
    },
    buffers={
        _LAYER + "attention.bias": "the causal mask",
        _LAYER + "attention.masked_bias": "what masked scores become",
        _LAYER + "attention.rotary_emb.inv_freq": ROTARY,
        "[gpt_neox.]rotary_emb.inv_freq": ROTARY,
    },
    rules=(
        Rule(name="[gpt_neox.]embed_in.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(
            name="embed_out.weight|lm_head.weight",
            role=Role.E_OUTPUT,
            shape="vocab_size, d_model",
            optional=True,
        ),
        *fused(_LAYER + "attention.query_key_value.weight", QKV_BY_HEAD),
        Rule(name=_LAYER + "attention.dense.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_LAYER + "mlp.dense_h_to_4h.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.dense_4h_to_h.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(name=_LAYER + "input_layernorm.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=_LAYER + "post_attention_layernorm.weight", role=Role.GAIN_M, shape="d_model"),
        Rule(name="[gpt_neox.]final_layer_norm.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
