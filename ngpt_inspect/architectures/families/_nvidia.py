"""What NVIDIA/ngpt's two modes and its forks share: their matrices have the same names."""

from ngpt_inspect.architectures.engine.architecture import Constant, Rule, layer_biases
from ngpt_inspect.architectures.engine.cuts import fused, halves
from ngpt_inspect.vocabulary import Role

LAYER = "transformer.h.{layer}."
ATTENTION = LAYER + "[shared_attn.]"
SOURCE = "github.com/NVIDIA/ngpt, model.py"
HEADS = "n_heads*d_k, d_model"
KV_HEADS = "n_kv_heads*d_k, d_model"

MATRICES = (
    Rule(name="transformer.wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
    Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
    Rule(name=ATTENTION + "query.weight", role=Role.W_Q, shape=HEADS),
    Rule(name=ATTENTION + "key.weight", role=Role.W_K, shape=KV_HEADS),
    Rule(name=ATTENTION + "value.weight", role=Role.W_V, shape=KV_HEADS),
    Rule(name=ATTENTION + "att_c_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
    # c_fc stacks u and the gate nu: out = u * silu(nu).
    *fused(LAYER + "c_fc.weight", halves(Role.W_U, Role.W_NU)),
    Rule(name=LAYER + "mlp_c_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
)

BIASES = layer_biases(LAYER, "query", "key", "value", "att_c_proj", "c_fc", "mlp_c_proj")

_WRITTEN = "written into model.py"

CONSTANTS = (
    Constant(
        name="base_scale",
        keys=("base_scale",),
        assumed="d_model**-0.5",
        because="what train.py sets for nGPT",
    ),
    Constant(name="alpha_init", assumed="0.05", because=_WRITTEN),
    Constant(name="s_qk_init", assumed="1", because=_WRITTEN),
    Constant(name="s_u_init", assumed="1", because=_WRITTEN),
    Constant(name="s_nu_init", assumed="1", because=_WRITTEN),
    Constant(name="s_z_init", assumed="1", because=_WRITTEN),
)

ALPHAS = tuple(
    Rule(
        name=LAYER + name,
        role=role,
        shape="d_model",
        factor="alpha_init / base_scale",
        absolute=True,
    )
    for name, role in (("attn_alpha", Role.ALPHA_A), ("mlp_alpha", Role.ALPHA_M))
)

SCALES = (
    Rule(
        name=LAYER + "suv",
        role=Role.S_U,
        shape="2*d_mlp",
        rows=("0", "d_mlp"),
        factor="s_u_init",
    ),
    Rule(
        name=LAYER + "suv",
        role=Role.S_NU,
        shape="2*d_mlp",
        rows=("d_mlp", "2*d_mlp"),
        factor="s_nu_init",
    ),
    Rule(name="sz", role=Role.S_Z, shape="vocab_size", factor="s_z_init / base_scale"),
)

NOTES = (
    "the code multiplies both u and nu by sqrt(d_model), the paper only nu; "
    "s_u and s_nu are given without it, as in the paper",
    "the code's rotary embedding is not a rotation (NVIDIA/ngpt issue 10); "
    "numbers of weights are not affected",
)
