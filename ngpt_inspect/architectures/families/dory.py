"""Dory of Hugging Face transformers: an nGPT with gated attention and norms around each block."""

from functools import partial

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    Rule,
    by_head,
    whole,
)
from ngpt_inspect.architectures.families._llama import mlp
from ngpt_inspect.vocabulary import Role

_WRITTEN = "the default of its configuration"


def _layer(name: str) -> str:
    return f"backbone.layers.{{layer}}.{name}|model.layers.{{layer}}.{name}"


_alpha = partial(whole, factor="alpha_init / initializer_range", absolute=True)


ARCHITECTURE = Architecture(
    name="dory",
    family="nGPT",
    title="Dory",
    source="transformers, models/dory/modeling_dory.py",
    constants=(
        Constant(name="alpha_init", keys=("ngpt_alpha_init",), assumed="0.05", because=_WRITTEN),
        Constant(
            name="initializer_range",
            keys=("initializer_range",),
            assumed="0.0177",
            because=_WRITTEN,
        ),
    ),
    ignored={
        _layer("self_attn.s_gate"): "a scale inside the gate of the attention output; no measure "
        "reads it",
    },
    notes=(
        "only queries are scaled, by s_qk squared: the product is the paper's, and s_qk is given "
        "unsquared",
        "s_u and s_nu are given without the sqrt(d_model) the code multiplies both by",
        "layers in the middle may run several times",
    ),
    rules=(
        whole("backbone.embeddings.weight|model.embed_tokens.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT, optional=True),
        whole(_layer("self_attn.q_proj.weight"), Role.W_Q),
        whole(_layer("self_attn.k_proj.weight"), Role.W_K),
        whole(_layer("self_attn.v_proj.weight"), Role.W_V),
        whole(_layer("self_attn.o_proj.weight"), Role.W_O),
        Rule(
            name=_layer("self_attn.g_proj.weight") + "|" + _layer("self_attn.gate_proj.weight"),
            role=Role.W_GATE_A,
            shape="n_heads*d_k, d_model",
        ),
        *mlp(("backbone.layers.{layer}.mlp.", "model.layers.{layer}.mlp.")),
        _alpha(_layer("lambda_1"), Role.ALPHA_A),
        _alpha(_layer("lambda_2"), Role.ALPHA_M),
        by_head(_layer("self_attn.sqk"), Role.S_QK, factor="1 / initializer_range"),
        whole(_layer("mlp.suv_up"), Role.S_U),
        whole(_layer("mlp.suv_gate"), Role.S_NU),
        whole("lm_head.logit_scale", Role.S_Z, factor="1 / initializer_range"),
    ),
)
