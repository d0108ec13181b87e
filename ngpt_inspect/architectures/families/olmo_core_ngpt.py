"""nGPT checkpoints of OLMo-core: queries and keys have a scale each."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head, unrecorded, whole
from ngpt_inspect.vocabulary import Role

_LAYER = "[model.]blocks.{layer}."
_ATTENTION = _LAYER + "attention."
_MLP = _LAYER + "feed_forward."
_WRITTEN = "written into nn/transformer/block.py"
_SCALE = "d_model**-0.5"

ARCHITECTURE = Architecture(
    name="olmo_core_ngpt",
    family="nGPT",
    title="OLMo-core nGPT",
    source="github.com/allenai/OLMo-core, src/olmo_core/nn",
    constants=(
        *unrecorded(_WRITTEN, alpha_init="0.05", alpha_scale=_SCALE),
        *unrecorded("written into nn/attention", s_qk_init="1", s_qk_scale=_SCALE),
        *unrecorded("written into nn/lm_head.py", s_z_init="1", s_z_scale=_SCALE),
    ),
    notes=(
        "queries and keys have a scale each: a logit is multiplied by s_q s_k",
        "queries and keys are normalised over all heads at once, then scaled, then rotated",
        "s_nu (sw1) is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        whole("[model.]embeddings.weight", Role.E_INPUT),
        whole("[model.]lm_head.w_out.weight", Role.E_OUTPUT),
        whole(_ATTENTION + "w_q.weight", Role.W_Q),
        whole(_ATTENTION + "w_k.weight", Role.W_K),
        whole(_ATTENTION + "w_v.weight", Role.W_V),
        whole(_ATTENTION + "w_out.weight", Role.W_O),
        whole(_MLP + "w3.weight", Role.W_U),
        whole(_MLP + "w1.weight", Role.W_NU),
        whole(_MLP + "w2.weight", Role.W_O_MLP),
        whole(
            _LAYER + "attn_alpha", Role.ALPHA_A, factor="alpha_init / alpha_scale", absolute=True
        ),
        whole(_LAYER + "mlp_alpha", Role.ALPHA_M, factor="alpha_init / alpha_scale", absolute=True),
        by_head(_ATTENTION + "sq", Role.S_Q, factor="s_qk_init / s_qk_scale"),
        by_head(_ATTENTION + "sk", Role.S_K, factor="s_qk_init / s_qk_scale"),
        whole(_MLP + "sw3", Role.S_U),
        whole(_MLP + "sw1", Role.S_NU),
        whole("[model.]lm_head.sz", Role.S_Z, factor="s_z_init / s_z_scale"),
    ),
)
