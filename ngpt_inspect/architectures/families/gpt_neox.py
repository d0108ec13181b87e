"""GPT-NeoX and Pythia: one fused matrix in which each head has its query, key and value."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    ROTARY,
    Architecture,
    layer_biases,
    whole,
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
        whole("[gpt_neox.]embed_in.weight", Role.E_INPUT),
        whole("embed_out.weight|lm_head.weight", Role.E_OUTPUT, optional=True),
        *fused(_LAYER + "attention.query_key_value.weight", QKV_BY_HEAD),
        whole(_LAYER + "attention.dense.weight", Role.W_O),
        whole(_LAYER + "mlp.dense_h_to_4h.weight", Role.W_U),
        whole(_LAYER + "mlp.dense_4h_to_h.weight", Role.W_O_MLP),
        whole(_LAYER + "input_layernorm.weight", Role.GAIN_A),
        whole(_LAYER + "post_attention_layernorm.weight", Role.GAIN_M),
        whole("[gpt_neox.]final_layer_norm.weight", Role.GAIN_FINAL),
    ),
)
