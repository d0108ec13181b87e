"""nGPT of the Hugging Face pull request (Normalized Nemotron): grouped queries, no gate."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    Rule,
    layer_biases,
    whole,
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
    constants=tuple(
        Constant(name=name, keys=(key,), assumed=value, because=_DEFAULT)
        for name, key, value in (
            ("initializer_range", "initializer_range", "0.014"),
            ("alpha_A_init", "attn_alpha_init_value", "0.05"),
            ("alpha_M_init", "mlp_alpha_init_value", "0.05"),
            ("s_qk_init", "sqk_init_value", "1"),
            ("s_u_init", "suv_init_value", "1"),
            ("s_u_scale", "suv_init_scaling", "1"),
            ("s_z_init", "sz_init_value", "1"),
        )
    ),
    notes=(
        "squared ReLU, no gate: there is no W_nu and no s_nu",
        "the code multiplies queries by s_qk squared and keys by nothing: the product is the "
        "paper's, and s_qk is given unsquared",
        "s_u is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        whole("[model.]embed_tokens.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT, optional=True),
        whole(_ATTENTION + "q_proj.weight", Role.W_Q),
        whole(_ATTENTION + "k_proj.weight", Role.W_K),
        whole(_ATTENTION + "v_proj.weight", Role.W_V),
        whole(_ATTENTION + "o_proj.weight", Role.W_O),
        whole(_MLP + "up_proj.weight", Role.W_U),
        whole(_MLP + "down_proj.weight", Role.W_O_MLP),
        *(
            whole(_LAYER + name, role, factor=f"{role}_init / initializer_range", absolute=True)
            for name, role in (("attn_alpha", Role.ALPHA_A), ("mlp_alpha", Role.ALPHA_M))
        ),
        *(
            Rule(
                name=f"{name}[.weight]",
                role=role,
                shape=f"{length}, 1|{length}",
                view=role.facts.shape,
                factor=factor,
            )
            for name, role, length, factor in (
                (_ATTENTION + "sqk", Role.S_QK, "n_heads*d_k", "s_qk_init / initializer_range"),
                (_MLP + "suv", Role.S_U, "d_mlp", "s_u_init / s_u_scale"),
                ("sz", Role.S_Z, "vocab_size", "s_z_init / initializer_range"),
            )
        ),
    ),
)
