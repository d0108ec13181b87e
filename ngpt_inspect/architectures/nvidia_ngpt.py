"""nGPT checkpoints of NVIDIA/ngpt and its forks with the same names."""

from ngpt_inspect.architectures._architecture import Architecture, Constant, Rule
from ngpt_inspect.architectures._nvidia import BIASES, LAYER, MATRICES, SOURCE
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="nvidia_ngpt",
    family="nGPT",
    title="NVIDIA/ngpt nGPT",
    source=SOURCE,
    ignored=BIASES,
    constants=(
        Constant(
            name="base_scale",
            keys=("model_args.base_scale", "config.base_scale"),
            assumed="d_model**-0.5",
            because="what train.py sets for nGPT",
        ),
        Constant(name="alpha_init", assumed="0.05", because="written into model.py"),
        Constant(name="s_qk_init", assumed="1", because="written into model.py"),
        Constant(name="s_u_init", assumed="1", because="written into model.py"),
        Constant(name="s_nu_init", assumed="1", because="written into model.py"),
        Constant(name="s_z_init", assumed="1", because="written into model.py"),
    ),
    notes=(
        "the code multiplies both u and nu by sqrt(d_model), the paper only nu; "
        "s_u and s_nu are given without it, as in the paper",
        "the code's rotary embedding is not a rotation (NVIDIA/ngpt issue 10); "
        "numbers of weights are not affected",
    ),
    rules=(
        *MATRICES,
        Rule(
            name=LAYER + "attn_alpha",
            role=Role.ALPHA_A,
            shape="d_model",
            factor="alpha_init / base_scale",
            absolute=True,
        ),
        Rule(
            name=LAYER + "mlp_alpha",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_init / base_scale",
            absolute=True,
        ),
        Rule(
            name=LAYER + "sqk",
            role=Role.S_QK,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor="s_qk_init / base_scale",
        ),
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
    ),
)
