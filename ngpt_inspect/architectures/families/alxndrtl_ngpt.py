"""nGPT checkpoints of alxndrTL/ngpt: one s_qk for all heads."""

from ngpt_inspect.architectures.engine.architecture import ROTARY, Architecture, unrecorded, whole
from ngpt_inspect.vocabulary import Role

_LAYER = "core.layers.{layer}."
_WRITTEN = "written into n_transformer.py"
_SCALE = "d_model**-0.5"

ARCHITECTURE = Architecture(
    name="alxndrtl_ngpt",
    family="nGPT",
    title="alxndrTL nGPT",
    source="github.com/alxndrTL/ngpt, n_models",
    buffers={
        _LAYER + "sa.rotary.inv_freq": ROTARY,
        "core.rotary.inv_freq": ROTARY,
    },
    constants=(
        *unrecorded(
            _WRITTEN, alpha_init="0.08", alpha_scale=_SCALE, s_qk_init="1", s_qk_scale=_SCALE
        ),
        *unrecorded("written into n_lm.py", s_z_init="1", s_z_scale=_SCALE),
    ),
    notes=(
        "all heads share one s_qk; the code applies it before the rotary embedding",
        "alphas keep their sign: the code does not take |alpha|",
        "s_nu is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        whole("embedding.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT),
        whole("core.PE.weight", Role.E_POSITION, optional=True),
        whole(_LAYER + "sa.c_q.weight", Role.W_Q),
        whole(_LAYER + "sa.c_k.weight", Role.W_K),
        whole(_LAYER + "sa.c_v.weight", Role.W_V),
        whole(_LAYER + "sa.c_proj.weight", Role.W_O),
        whole(_LAYER + "mlp.fc_3.weight", Role.W_U),
        whole(_LAYER + "mlp.fc_1.weight", Role.W_NU),
        whole(_LAYER + "mlp.fc_2.weight", Role.W_O_MLP),
        whole(_LAYER + "sa_scaler.scale", Role.ALPHA_A, factor="alpha_init / alpha_scale"),
        whole(_LAYER + "mlp_scaler.scale", Role.ALPHA_M, factor="alpha_init / alpha_scale"),
        whole(
            _LAYER + "sa.qk_scaler.scale", Role.S_QK, shape="d_k", factor="s_qk_init / s_qk_scale"
        ),
        whole(_LAYER + "mlp.fc3_scaler.scale", Role.S_U),
        whole(_LAYER + "mlp.fc1_scaler.scale", Role.S_NU),
        whole("logits_scaler.scale", Role.S_Z, factor="s_z_init / s_z_scale"),
    ),
)
