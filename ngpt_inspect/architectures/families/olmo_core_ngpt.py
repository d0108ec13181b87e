"""nGPT checkpoints of OLMo-core: queries and keys have a scale each."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Constant, Rule
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
        Constant(name="alpha_init", assumed="0.05", because=_WRITTEN),
        Constant(name="alpha_scale", assumed=_SCALE, because=_WRITTEN),
        Constant(name="s_qk_init", assumed="1", because="written into nn/attention"),
        Constant(name="s_qk_scale", assumed=_SCALE, because="written into nn/attention"),
        Constant(name="s_z_init", assumed="1", because="written into nn/lm_head.py"),
        Constant(name="s_z_scale", assumed=_SCALE, because="written into nn/lm_head.py"),
    ),
    notes=(
        "queries and keys have a scale each: a logit is multiplied by s_q s_k",
        "queries and keys are normalised over all heads at once, then scaled, then rotated",
        "s_nu (sw1) is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        Rule(name="[model.]embeddings.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="[model.]lm_head.w_out.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
        Rule(name=_ATTENTION + "w_q.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "w_k.weight", role=Role.W_K, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "w_v.weight", role=Role.W_V, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "w_out.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_MLP + "w3.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_MLP + "w1.weight", role=Role.W_NU, shape="d_mlp, d_model"),
        Rule(name=_MLP + "w2.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(
            name=_LAYER + "attn_alpha",
            role=Role.ALPHA_A,
            shape="d_model",
            factor="alpha_init / alpha_scale",
            absolute=True,
        ),
        Rule(
            name=_LAYER + "mlp_alpha",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_init / alpha_scale",
            absolute=True,
        ),
        Rule(
            name=_ATTENTION + "sq",
            role=Role.S_Q,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor="s_qk_init / s_qk_scale",
        ),
        Rule(
            name=_ATTENTION + "sk",
            role=Role.S_K,
            shape="n_kv_heads*d_k",
            view="n_kv_heads, d_k",
            factor="s_qk_init / s_qk_scale",
        ),
        Rule(name=_MLP + "sw3", role=Role.S_U, shape="d_mlp"),
        Rule(name=_MLP + "sw1", role=Role.S_NU, shape="d_mlp"),
        Rule(
            name="[model.]lm_head.sz",
            role=Role.S_Z,
            shape="vocab_size",
            factor="s_z_init / s_z_scale",
        ),
    ),
)
