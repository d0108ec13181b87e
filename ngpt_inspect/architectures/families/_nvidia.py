"""What NVIDIA/ngpt's two modes and its forks share: their matrices have the same names."""

from ngpt_inspect.architectures.engine.architecture import Constant, layer_biases, unrecorded, whole
from ngpt_inspect.architectures.engine.cuts import fused, halves
from ngpt_inspect.vocabulary import Role

LAYER = "transformer.h.{layer}."
ATTENTION = LAYER + "[shared_attn.]"
SOURCE = "github.com/NVIDIA/ngpt, model.py"

MATRICES = (
    whole("transformer.wte.weight", Role.E_INPUT),
    whole("lm_head.weight", Role.E_OUTPUT),
    whole(ATTENTION + "query.weight", Role.W_Q),
    whole(ATTENTION + "key.weight", Role.W_K),
    whole(ATTENTION + "value.weight", Role.W_V),
    whole(ATTENTION + "att_c_proj.weight", Role.W_O),
    # c_fc stacks u and the gate nu: out = u * silu(nu).
    *fused(LAYER + "c_fc.weight", halves(Role.W_U, Role.W_NU)),
    whole(LAYER + "mlp_c_proj.weight", Role.W_O_MLP),
)

BIASES = layer_biases(LAYER, "query", "key", "value", "att_c_proj", "c_fc", "mlp_c_proj")

CONSTANTS = (
    Constant(
        name="base_scale",
        keys=("base_scale",),
        assumed="d_model**-0.5",
        because="what train.py sets for nGPT",
    ),
    *unrecorded(
        "written into model.py",
        alpha_init="0.05",
        s_qk_init="1",
        s_u_init="1",
        s_nu_init="1",
        s_z_init="1",
    ),
)

ALPHAS = (
    whole(LAYER + "attn_alpha", Role.ALPHA_A, factor="alpha_init / base_scale", absolute=True),
    whole(LAYER + "mlp_alpha", Role.ALPHA_M, factor="alpha_init / base_scale", absolute=True),
)

SCALES = (
    whole(LAYER + "suv", Role.S_U, shape="2*d_mlp", rows=("0", "d_mlp"), factor="s_u_init"),
    whole(LAYER + "suv", Role.S_NU, shape="2*d_mlp", rows=("d_mlp", "2*d_mlp"), factor="s_nu_init"),
    whole("sz", Role.S_Z, factor="s_z_init / base_scale"),
)

NOTES = (
    "the code multiplies both u and nu by sqrt(d_model), the paper only nu; "
    "s_u and s_nu are given without it, as in the paper",
    "the code's rotary embedding is not a rotation (NVIDIA/ngpt issue 10); "
    "numbers of weights are not affected",
)
