"""Dory of Hugging Face transformers: an nGPT with gated attention and norms around each block."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Constant, Rule
from ngpt_inspect.architectures.families._llama import mlp
from ngpt_inspect.vocabulary import Role

_WRITTEN = "the default of its configuration"


def _layer(name: str) -> str:
    return f"backbone.layers.{{layer}}.{name}|model.layers.{{layer}}.{name}"


def _alpha(name: str, role: Role) -> Rule:
    return Rule(
        name=_layer(name),
        role=role,
        shape="d_model",
        factor="alpha_init / initializer_range",
        absolute=True,
    )


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
        Rule(
            name="backbone.embeddings.weight|model.embed_tokens.weight",
            role=Role.E_INPUT,
            shape="vocab_size, d_model",
        ),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(name=_layer("self_attn.q_proj.weight"), role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(
            name=_layer("self_attn.k_proj.weight"), role=Role.W_K, shape="n_kv_heads*d_k, d_model"
        ),
        Rule(
            name=_layer("self_attn.v_proj.weight"), role=Role.W_V, shape="n_kv_heads*d_k, d_model"
        ),
        Rule(name=_layer("self_attn.o_proj.weight"), role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(
            name=_layer("self_attn.g_proj.weight") + "|" + _layer("self_attn.gate_proj.weight"),
            role=Role.W_GATE_A,
            shape="n_heads*d_k, d_model",
        ),
        *mlp(("backbone.layers.{layer}.mlp.", "model.layers.{layer}.mlp.")),
        _alpha("lambda_1", Role.ALPHA_A),
        _alpha("lambda_2", Role.ALPHA_M),
        Rule(
            name=_layer("self_attn.sqk"),
            role=Role.S_QK,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor="1 / initializer_range",
        ),
        Rule(name=_layer("mlp.suv_up"), role=Role.S_U, shape="d_mlp"),
        Rule(name=_layer("mlp.suv_gate"), role=Role.S_NU, shape="d_mlp"),
        Rule(
            name="lm_head.logit_scale",
            role=Role.S_Z,
            shape="vocab_size",
            factor="1 / initializer_range",
        ),
    ),
)
