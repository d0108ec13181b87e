"""What nGPT in Megatron-LM shares with and without a gate: everything but the MLP."""

from ngpt_inspect.architectures.engine.architecture import ROUTER, Constant, Rule, router
from ngpt_inspect.architectures.engine.cuts import QKV_BY_GROUP, fused
from ngpt_inspect.vocabulary import Role

LAYER = "[model.]decoder.layers.{layer}."
ATTENTION = LAYER + "self_attention."
MLP = LAYER + "mlp."
SOURCE = "github.com/anonymous452026/ngpt-nvfp4, megatron/core"

_MAMBA = "of a Mamba block; no measure reads it"
IGNORED = {
    **{
        LAYER + f"mixer.{name}": _MAMBA
        for name in (
            *("in_proj.weight", "out_proj.weight", "conv1d.weight", "conv1d.bias"),
            *("A_log", "D", "dt_bias", "norm.weight"),
        )
    },
    LAYER + "mixer_alpha": "the eigen learning rate of a Mamba block; no measure reads it",
    MLP + "router.expert_bias": ROUTER,
}

CONSTANTS = (
    Constant(
        name="alpha_init",
        keys=("ngpt_alpha_init",),
        assumed="0.05",
        because="the default of the environment variable NGPT_ALPHA_INIT, which no file records",
    ),
    Constant(
        name="init_method_std",
        keys=("init_method_std",),
        assumed="0.02",
        because="Megatron-LM's default",
    ),
)

NOTES = (
    "only queries are scaled, by s_qk squared: the product is the paper's, and s_qk is given "
    "unsquared",
    "s_u and s_nu are given without the sqrt(d_model) the code multiplies both by",
    "experts of a layer share one s_u (and s_nu): it has no expert number",
)


def _alpha(name: str, role: Role, block: str) -> Rule:
    return Rule(
        name=LAYER + name,
        role=role,
        shape="d_model",
        block=block,
        factor="alpha_init / init_method_std",
        absolute=True,
    )


TRUNK = (
    Rule(
        name="[model.]embedding.word_embeddings.weight",
        role=Role.E_INPUT,
        shape="vocab_size, d_model",
    ),
    Rule(
        name="[model.]output_layer.weight",
        role=Role.E_OUTPUT,
        shape="vocab_size, d_model",
        optional=True,
    ),
    *fused(ATTENTION + "linear_qkv.weight", QKV_BY_GROUP, block="attention/softmax"),
    Rule(
        name=ATTENTION + "linear_proj.weight",
        role=Role.W_O,
        shape="d_model, n_heads*d_k",
        block="attention/softmax",
    ),
    Rule(
        name=ATTENTION + "sqk",
        role=Role.S_QK,
        shape="n_heads*d_k",
        view="n_heads, d_k",
        block="attention/softmax",
        factor="1 / init_method_std",
    ),
    _alpha("attn_alpha", Role.ALPHA_A, "attention/softmax"),
    _alpha("mlp_alpha", Role.ALPHA_M, "alpha_M/one"),
    router(MLP + "router.weight"),
    Rule(name="[model.]sz", role=Role.S_Z, shape="vocab_size", factor="1 / init_method_std"),
)
