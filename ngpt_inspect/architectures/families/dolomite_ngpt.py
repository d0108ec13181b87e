"""nGPT checkpoints of the dolomite-engine (lm-engine) fork: grouped fused qkv."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    Rule,
    layer_biases,
)
from ngpt_inspect.architectures.engine.cuts import QKV_BY_GROUP, fused, halves
from ngpt_inspect.vocabulary import Role

_LAYER = "[transformer.]h.{layer}."
_DEFAULT = "the default of models/ngpt/config.py"
_SCALE = "d_model**-0.5"

ARCHITECTURE = Architecture(
    name="dolomite_ngpt",
    family="nGPT",
    title="lm-engine nGPT",
    source="github.com/nimadehmamy/dolomite-engine, lm_engine/hf_models/models/ngpt",
    ignored=layer_biases(
        _LAYER,
        *(f"sequence_mixer.{name}" for name in ("c_attn", "c_proj")),
        *(f"mlp_block.{name}" for name in ("c_fc", "c_proj")),
    ),
    constants=(
        Constant(
            name="alpha_A_init", keys=("ngpt_attn_alpha_init",), assumed="0.05", because=_DEFAULT
        ),
        Constant(
            name="alpha_M_init", keys=("ngpt_mlp_alpha_init",), assumed="0.05", because=_DEFAULT
        ),
        Constant(
            name="alpha_scale", keys=("ngpt_alpha_init_scaling",), assumed=_SCALE, because=_DEFAULT
        ),
        Constant(name="s_u_scale", keys=("ngpt_suv_init_scaling",), assumed="1", because=_DEFAULT),
        Constant(name="s_z_init", keys=("ngpt_sz_init_value",), assumed="1", because=_DEFAULT),
        Constant(
            name="s_z_scale", keys=("ngpt_sz_init_scaling",), assumed=_SCALE, because=_DEFAULT
        ),
    ),
    notes=(
        "s_qk is divided by alpha_scale, as in the code, which has no scale of its own for it",
        "s_u and s_nu are given without the sqrt(d_model) the code multiplies both by",
        "W_u and s_u are read from the first half of c_fc and suv, the gate from the second",
    ),
    # What lm-engine writes since its gates and us alternate.
    forbids={
        "mlp_blocks.0.use_interleaved_weights": ("true",),
        "embedding_init_method": ("*",),
    },
    rules=(
        Rule(name="[transformer.]wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
        # Each group: its queries, one key, one value.
        *fused(_LAYER + "sequence_mixer.c_attn.weight", QKV_BY_GROUP),
        Rule(
            name=_LAYER + "sequence_mixer.c_proj.weight",
            role=Role.W_O,
            shape="d_model, n_heads*d_k",
        ),
        *fused(_LAYER + "mlp_block.c_fc.weight", halves(Role.W_U, Role.W_NU)),
        Rule(name=_LAYER + "mlp_block.c_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(
            name=_LAYER + "attn_alpha",
            role=Role.ALPHA_A,
            shape="d_model",
            factor="alpha_A_init / alpha_scale",
            absolute=True,
        ),
        Rule(
            name=_LAYER + "mlp_alpha",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_M_init / alpha_scale",
            absolute=True,
        ),
        Rule(
            name=_LAYER + "sqk",
            role=Role.S_QK,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor="1 / alpha_scale",
        ),
        *fused(
            _LAYER + "suv",
            halves(Role.S_U, Role.S_NU),
            shape="2*d_mlp",
            factor="1 / s_u_scale",
        ),
        Rule(name="sz", role=Role.S_Z, shape="vocab_size", factor="s_z_init / s_z_scale"),
    ),
)
