"""Bailing (Ling) V3 with use_nGPT: a mixture whose layers are softmax, linear or MLA."""

from ngpt_inspect.architectures.engine.architecture import (
    QK_GAIN,
    ROUTER,
    Architecture,
    Constant,
    Rule,
    layer_biases,
    router,
)
from ngpt_inspect.architectures.engine.cuts import QKV, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "[model.]layers.{layer}."
_ATTENTION = _LAYER + "attention."
_MLP = _LAYER + "mlp."
_SERVED = "written into sglang, python/sglang/srt/models"
_ALPHA_A = (
    "((layer + 1 < layer_group_size) * 0.5 + (layer + 1 >= layer_group_size) * alpha_init)"
    " / alpha_scale"
)


def _mlp(prefix: str, block: str, width: str, *, optional: bool = False) -> tuple[Rule, ...]:
    """Return the rules of one MLP: dense, shared by all tokens, or of each expert."""
    return tuple(
        Rule(name=prefix + name, role=role, shape=shape, block=block, optional=optional)
        for name, role, shape in (
            ("up_proj.weight", Role.W_U, f"{width}, d_model"),
            ("gate_proj.weight", Role.W_NU, f"{width}, d_model"),
            ("down_proj.weight", Role.W_O_MLP, f"d_model, {width}"),
        )
    )


ARCHITECTURE = Architecture(
    name="bailing_ngpt",
    family="nGPT",
    title="Bailing V3 nGPT",
    source="github.com/ZhengWG/sglang, python/sglang/srt/layers/ngpt.py",
    hybrid=True,
    ignored={
        **layer_biases(_ATTENTION, "query_key_value", "dense"),
        _ATTENTION + "query_layernorm.weight": QK_GAIN,
        _ATTENTION + "key_layernorm.weight": QK_GAIN,
        _ATTENTION + "value_layernorm.weight": QK_GAIN,
        _MLP + "gate.expert_bias": ROUTER,
        _MLP + "gate.router_scaling": ROUTER,
    },
    constants=(
        Constant(name="alpha_init", assumed="0.70716/n_layers", because=_SERVED),
        Constant(name="alpha_scale", assumed="d_model**-0.5", because=_SERVED),
        # A group of one: no layer comes before the last of its group.
        Constant(
            name="layer_group_size",
            keys=("layer_group_size",),
            assumed="1",
            because="no groups of layers are recorded",
        ),
    ),
    notes=(
        "alphas keep their sign: the code does not take |alpha|",
        "alpha_A starts at 0.5 in the layers before the last of the first group of "
        "layer_group_size",
        "s_u multiplies the normalised half u of the MLP; there is no s_nu and no s_qk",
        "heads are read in softmax layers alone: linear and latent attention have others",
    ),
    rules=(
        Rule(name="[model.]word_embeddings.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        *fused(_ATTENTION + "query_key_value.weight", QKV, block="attention/softmax"),
        Rule(
            name=_ATTENTION + "dense.weight",
            role=Role.W_O,
            shape="d_model, n_heads*d_k",
            block="attention/softmax",
        ),
        *_mlp(_MLP, "mlp/dense", "d_dense"),
        *_mlp(_MLP + "experts.{expert}.", "mlp/experts", "d_mlp"),
        *_mlp(_MLP + "shared_experts.", "mlp/experts", "d_shared", optional=True),
        Rule(
            name=_MLP + "swv.weight",
            role=Role.S_U,
            shape="d_dense",
            factor="d_dense**0.5",
            optional=True,
            block="mlp/dense",
        ),
        router(_MLP + "gate.weight"),
        Rule(name=_LAYER + "attn_alpha", role=Role.ALPHA_A, shape="d_model", factor=_ALPHA_A),
        Rule(
            name=_LAYER + "mlp_alpha",
            role=Role.ALPHA_M,
            shape="d_model",
            factor="alpha_init / alpha_scale",
        ),
        Rule(
            name=_LAYER + "input_layernorm.weight",
            role=Role.GAIN_A,
            shape="d_model",
            optional=True,
        ),
        Rule(
            name=_LAYER + "post_attention_layernorm.weight",
            role=Role.GAIN_M,
            shape="d_model",
            optional=True,
        ),
        Rule(name="[model.]norm.weight", role=Role.GAIN_FINAL, shape="d_model", optional=True),
        Rule(name="finalnorm", role=Role.S_Z, shape="vocab_size", factor="d_model**0.5"),
    ),
)
