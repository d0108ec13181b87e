"""nGPT checkpoints of alxndrTL/ngpt: one s_qk for all heads."""

from ngpt_inspect.architectures.engine.architecture import ROTARY, Architecture, Constant, Rule
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
        Constant(name="alpha_init", assumed="0.08", because=_WRITTEN),
        Constant(name="alpha_scale", assumed=_SCALE, because=_WRITTEN),
        Constant(name="s_qk_init", assumed="1", because=_WRITTEN),
        Constant(name="s_qk_scale", assumed=_SCALE, because=_WRITTEN),
        Constant(name="s_z_init", assumed="1", because="written into n_lm.py"),
        Constant(name="s_z_scale", assumed=_SCALE, because="written into n_lm.py"),
    ),
    notes=(
        "all heads share one s_qk; the code applies it before the rotary embedding",
        "alphas keep their sign: the code does not take |alpha|",
        "s_nu is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        Rule(name="embedding.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
        Rule(name="core.PE.weight", role=Role.E_POSITION, shape="context, d_model", optional=True),
        Rule(name=_LAYER + "sa.c_q.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(name=_LAYER + "sa.c_k.weight", role=Role.W_K, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_LAYER + "sa.c_v.weight", role=Role.W_V, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_LAYER + "sa.c_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_LAYER + "mlp.fc_3.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.fc_1.weight", role=Role.W_NU, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.fc_2.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(
            name=_LAYER + "sa_scaler.scale",
            role=Role.ALPHA_A,
            shape="d_model",
            factor="alpha_init / alpha_scale",
        ),
        Rule(
            name=_LAYER + "mlp_scaler.scale",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_init / alpha_scale",
        ),
        Rule(
            name=_LAYER + "sa.qk_scaler.scale",
            role=Role.S_QK,
            shape="d_k",
            factor="s_qk_init / s_qk_scale",
        ),
        Rule(name=_LAYER + "mlp.fc3_scaler.scale", role=Role.S_U, shape="d_mlp"),
        Rule(name=_LAYER + "mlp.fc1_scaler.scale", role=Role.S_NU, shape="d_mlp"),
        Rule(
            name="logits_scaler.scale",
            role=Role.S_Z,
            shape="vocab_size",
            factor="s_z_init / s_z_scale",
        ),
    ),
)
