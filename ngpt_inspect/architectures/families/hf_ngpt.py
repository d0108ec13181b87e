"""nGPT of the Hugging Face pull request (Normalized Nemotron): grouped queries, no gate."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    Rule,
    layer_biases,
)
from ngpt_inspect.vocabulary import Role

_LAYER = "[model.]layers.{layer}."
_ATTENTION = _LAYER + "self_attn."
_MLP = _LAYER + "mlp."
_DEFAULT = "the default of configuration_ngpt.py"

ARCHITECTURE = Architecture(
    name="hf_ngpt",
    family="nGPT",
    title="Normalized Nemotron",
    source="huggingface/transformers pull request 38276, models/ngpt/modeling_ngpt.py",
    ignored=layer_biases(
        _LAYER,
        *(f"self_attn.{name}_proj" for name in "qkvo"),
        *("mlp.up_proj", "mlp.down_proj"),
    ),
    constants=(
        Constant(
            name="initializer_range",
            keys=("initializer_range",),
            assumed="0.014",
            because=_DEFAULT,
        ),
        Constant(
            name="alpha_A_init", keys=("attn_alpha_init_value",), assumed="0.05", because=_DEFAULT
        ),
        Constant(
            name="alpha_M_init", keys=("mlp_alpha_init_value",), assumed="0.05", because=_DEFAULT
        ),
        Constant(name="s_qk_init", keys=("sqk_init_value",), assumed="1", because=_DEFAULT),
        Constant(name="s_u_init", keys=("suv_init_value",), assumed="1", because=_DEFAULT),
        Constant(name="s_u_scale", keys=("suv_init_scaling",), assumed="1", because=_DEFAULT),
        Constant(name="s_z_init", keys=("sz_init_value",), assumed="1", because=_DEFAULT),
    ),
    notes=(
        "squared ReLU, no gate: there is no W_nu and no s_nu",
        "the code multiplies queries by s_qk squared and keys by nothing: the product is the "
        "paper's, and s_qk is given unsquared",
        "s_u is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        Rule(name="[model.]embed_tokens.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(name=_ATTENTION + "q_proj.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "k_proj.weight", role=Role.W_K, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "v_proj.weight", role=Role.W_V, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "o_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_MLP + "up_proj.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_MLP + "down_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(
            name=_LAYER + "attn_alpha",
            role=Role.ALPHA_A,
            shape="d_model",
            factor="alpha_A_init / initializer_range",
            absolute=True,
        ),
        Rule(
            name=_LAYER + "mlp_alpha",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_M_init / initializer_range",
            absolute=True,
        ),
        Rule(
            name=_ATTENTION + "sqk[.weight]",
            role=Role.S_QK,
            shape="n_heads*d_k, 1|n_heads*d_k",
            view="n_heads, d_k",
            factor="s_qk_init / initializer_range",
        ),
        Rule(
            name=_MLP + "suv[.weight]",
            role=Role.S_U,
            shape="d_mlp, 1|d_mlp",
            view="d_mlp",
            factor="s_u_init / s_u_scale",
        ),
        Rule(
            name="sz[.weight]",
            role=Role.S_Z,
            shape="vocab_size, 1|vocab_size",
            view="vocab_size",
            factor="s_z_init / initializer_range",
        ),
    ),
)
