"""Bailing (Ling) V3 with use_nGPT: a mixture whose layers are softmax, linear or MLA."""

from ngpt_inspect.architectures.engine.architecture import (
    QK_GAIN,
    ROUTER,
    Architecture,
    Constant,
    layer_biases,
    router,
    unrecorded,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import QKV, fused
from ngpt_inspect.architectures.families._llama import mlp
from ngpt_inspect.vocabulary import Role

_LAYER = "[model.]layers.{layer}."
_ATTENTION = _LAYER + "attention."
_MLP = _LAYER + "mlp."
_SERVED = "written into sglang, python/sglang/srt/models"
_ALPHA_A = (
    "((layer + 1 < layer_group_size) * 0.5 + (layer + 1 >= layer_group_size) * alpha_init)"
    " / alpha_scale"
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
        *unrecorded(_SERVED, alpha_init="0.70716/n_layers", alpha_scale="d_model**-0.5"),
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
        whole("[model.]word_embeddings.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT, optional=True),
        *fused(_ATTENTION + "query_key_value.weight", QKV, block="attention/softmax"),
        whole(_ATTENTION + "dense.weight", Role.W_O, block="attention/softmax"),
        *mlp(_MLP, "mlp/dense", "d_dense"),
        *mlp(_MLP + "experts.{expert}.", "mlp/experts", "d_mlp"),
        *mlp(_MLP + "shared_experts.", "mlp/experts", "d_shared", optional=True),
        whole(
            _MLP + "swv.weight",
            Role.S_U,
            width="d_dense",
            factor="d_dense**0.5",
            optional=True,
            block="mlp/dense",
        ),
        router(_MLP + "gate.weight"),
        whole(_LAYER + "attn_alpha", Role.ALPHA_A, factor=_ALPHA_A),
        whole(_LAYER + "mlp_alpha", Role.ALPHA_M, factor="alpha_init / alpha_scale"),
        whole(_LAYER + "input_layernorm.weight", Role.GAIN_A, optional=True),
        whole(_LAYER + "post_attention_layernorm.weight", Role.GAIN_M, optional=True),
        whole("[model.]norm.weight", Role.GAIN_FINAL, optional=True),
        whole("finalnorm", Role.S_Z, factor="d_model**0.5"),
    ),
)
