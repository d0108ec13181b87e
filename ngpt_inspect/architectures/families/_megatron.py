"""What nGPT in Megatron-LM shares with and without a gate: everything but the MLP."""

from collections.abc import Iterator
from functools import partial

from ngpt_inspect.architectures.engine.architecture import (
    ROUTER,
    Constant,
    Rule,
    by_head,
    router,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import QKV_BY_GROUP, fused, halves
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


_alpha = partial(whole, factor="alpha_init / init_method_std", absolute=True)

TRUNK = (
    whole("[model.]embedding.word_embeddings.weight", Role.E_INPUT),
    whole("[model.]output_layer.weight", Role.E_OUTPUT, optional=True),
    *fused(ATTENTION + "linear_qkv.weight", QKV_BY_GROUP, block="attention/softmax"),
    whole(ATTENTION + "linear_proj.weight", Role.W_O, block="attention/softmax"),
    by_head(ATTENTION + "sqk", Role.S_QK, block="attention/softmax", factor="1 / init_method_std"),
    _alpha(LAYER + "attn_alpha", Role.ALPHA_A, block="attention/softmax"),
    _alpha(LAYER + "mlp_alpha", Role.ALPHA_M, block="alpha_M/one"),
    router(MLP + "router.weight"),
    whole("[model.]sz", Role.S_Z, factor="1 / init_method_std"),
)


def mlps(*, gated: bool) -> Iterator[Rule]:
    """Yield the rules of MLPs: dense, of each expert, shared by all tokens; gates come first."""
    for home, number, width in (
        ("", "", "d_mlp"),
        ("experts.", "{expert}", "d_expert"),
        ("shared_experts.", "", "d_shared"),
    ):
        first, last = (f"{MLP}{home}linear_fc{n}.weight{number}" for n in (1, 2))
        block, optional = ("mlp/experts" if home else "mlp/dense"), width == "d_shared"
        if gated:
            both = halves(Role.W_NU, Role.W_U, width)
            yield from fused(first, both, block=block, optional=optional)
        else:
            yield whole(first, Role.W_U, width=width, block=block, optional=optional)
        yield whole(last, Role.W_O_MLP, width=width, block=block, optional=optional)
