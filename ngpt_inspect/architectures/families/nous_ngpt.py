"""nGPT checkpoints of JoeLi12345/nGPT (Nous Research): GPT-2's skeleton, Conv1D."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    Rule,
    layer_biases,
)
from ngpt_inspect.architectures.engine.cuts import THIRDS, fused, halves
from ngpt_inspect.vocabulary import Role

_LAYER = "[transformer.]h.{layer}."
_WRITTEN = "written into modeling_ngpt.py"

ARCHITECTURE = Architecture(
    name="nous_ngpt",
    family="nGPT",
    title="Nous nGPT",
    source="github.com/JoeLi12345/nGPT, modeling_ngpt.py",
    ignored={
        **layer_biases(_LAYER, "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
        "lm_head.weight": "not used: the forward pass reads lm_head_2",
    },
    buffers={
        _LAYER + "attn.bias": "the causal mask",
        _LAYER + "attn.masked_bias": "what masked scores become",
    },
    constants=(
        Constant(
            name="base_scale",
            keys=("base_scale",),
            assumed="d_model**-0.5",
            because="what the training code sets",
        ),
        Constant(name="alpha_init", assumed="0.05", because=_WRITTEN),
        Constant(name="s_qk_init", assumed="1", because=_WRITTEN),
        Constant(name="s_z_init", assumed="1", because=_WRITTEN),
    ),
    notes=(
        "the training code does not normalise lm_head_2, the output embedding in use",
        "learned positions are added to the input embeddings, besides the rotary ones",
        "s_nu is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        Rule(name="[transformer.]wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head_2.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
        Rule(
            name="[transformer.]wpe.weight",
            role=Role.E_POSITION,
            shape="context, d_model",
            optional=True,
        ),
        *fused(_LAYER + "attn.c_attn.weight", THIRDS, transposed=True),
        Rule(
            name=_LAYER + "attn.c_proj.weight",
            role=Role.W_O,
            shape="d_model, d_model",
            transposed=True,
        ),
        *fused(_LAYER + "mlp.c_fc.weight", halves(Role.W_U, Role.W_NU), transposed=True),
        Rule(
            name=_LAYER + "mlp.c_proj.weight",
            role=Role.W_O_MLP,
            shape="d_mlp, d_model",
            transposed=True,
        ),
        Rule(
            name=_LAYER + "attn_alpha",
            role=Role.ALPHA_A,
            shape="d_model",
            factor="alpha_init / base_scale",
            absolute=True,
        ),
        Rule(
            name=_LAYER + "mlp_alpha",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_init / base_scale",
            absolute=True,
        ),
        Rule(
            name=_LAYER + "attn.sqk",
            role=Role.S_QK,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor="s_qk_init / base_scale",
        ),
        Rule(name=_LAYER + "mlp.su", role=Role.S_U, shape="d_mlp"),
        Rule(name=_LAYER + "mlp.sv", role=Role.S_NU, shape="d_mlp"),
        Rule(name="sz", role=Role.S_Z, shape="vocab_size", factor="s_z_init / base_scale"),
    ),
)
