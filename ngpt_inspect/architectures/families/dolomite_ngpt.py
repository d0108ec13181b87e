"""nGPT checkpoints of the dolomite-engine (lm-engine) fork: grouped fused qkv."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    by_head,
    layer_biases,
    whole,
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
    constants=tuple(
        Constant(name=name, keys=(key,), assumed=value, because=_DEFAULT)
        for name, key, value in (
            ("alpha_A_init", "ngpt_attn_alpha_init", "0.05"),
            ("alpha_M_init", "ngpt_mlp_alpha_init", "0.05"),
            ("alpha_scale", "ngpt_alpha_init_scaling", _SCALE),
            ("s_u_scale", "ngpt_suv_init_scaling", "1"),
            ("s_z_init", "ngpt_sz_init_value", "1"),
            ("s_z_scale", "ngpt_sz_init_scaling", _SCALE),
        )
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
        whole("[transformer.]wte.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT),
        # Each group: its queries, one key, one value.
        *fused(_LAYER + "sequence_mixer.c_attn.weight", QKV_BY_GROUP),
        whole(_LAYER + "sequence_mixer.c_proj.weight", Role.W_O),
        *fused(_LAYER + "mlp_block.c_fc.weight", halves(Role.W_U, Role.W_NU)),
        whole(_LAYER + "mlp_block.c_proj.weight", Role.W_O_MLP),
        whole(
            _LAYER + "attn_alpha", Role.ALPHA_A, factor="alpha_A_init / alpha_scale", absolute=True
        ),
        whole(
            _LAYER + "mlp_alpha", Role.ALPHA_M, factor="alpha_M_init / alpha_scale", absolute=True
        ),
        by_head(_LAYER + "sqk", Role.S_QK, factor="1 / alpha_scale"),
        *fused(
            _LAYER + "suv",
            halves(Role.S_U, Role.S_NU),
            shape="2*d_mlp",
            factor="1 / s_u_scale",
        ),
        whole("sz", Role.S_Z, factor="s_z_init / s_z_scale"),
    ),
)
