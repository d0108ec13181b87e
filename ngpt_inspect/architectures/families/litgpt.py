"""litgpt: all queries, keys and values in one matrix; a gated MLP, a plain one, or experts."""

from functools import partial

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    POST_GAIN,
    Architecture,
    Constant,
    Rule,
    layer_biases,
    qk_norms,
    router,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import QKV, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "transformer.h.{layer}."
_MLP = _LAYER + "mlp."
_OFFSET = Constant(
    name="gain_offset",
    keys=("litgpt.name",),
    values={"*Gemma*": "1", "*": "0"},
    assumed="0",
    because="no name is recorded (model_config.yaml); a Gemma, for one, adds 1 to its norm gains",
)
"""litgpt's norms multiply by 1 + w where the model's name has Gemma in it."""


def _gated(prefix: str, gated: str, output: str) -> tuple[Rule, ...]:
    return (
        whole(prefix + "fc_2.weight", Role.W_U, block=gated),
        whole(prefix + "fc_1.weight", Role.W_NU, block=gated),
        whole(prefix + "proj.weight", Role.W_O_MLP, block=output),
    )


_gain = partial(whole, offset=_OFFSET.name)


ARCHITECTURE = Architecture(
    name="litgpt",
    family="GPT",
    title="litgpt",
    source="github.com/Lightning-AI/litgpt, litgpt/model.py",
    ignored={
        **layer_biases(
            _LAYER,
            *("attn.qkv", "attn.proj", "norm_1", "norm_2"),
            *("post_attention_norm", "post_mlp_norm"),
            *("mlp.fc", "mlp.fc_1", "mlp.fc_2", "mlp.proj"),
        ),
        _LAYER + "post_attention_norm.weight": POST_GAIN,
        _LAYER + "post_mlp_norm.weight": POST_GAIN,
        "transformer.ln_f.bias": BIAS,
        "lm_head.bias": BIAS,
    },
    constants=(_OFFSET,),
    rules=(
        whole("transformer.wte.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT, optional=True),
        *fused(_LAYER + "attn.qkv.weight", QKV),
        whole(_LAYER + "attn.proj.weight", Role.W_O),
        *_gated(_MLP, "mlp/gated", "mlp/gated|mlp/plain"),
        *_gated(_MLP + "experts.{expert}.", "mlp/experts", "mlp/experts"),
        router(_MLP + "gate.weight"),
        whole(_MLP + "fc.weight", Role.W_U, block="mlp/plain"),
        *qk_norms(
            _LAYER + "attn.norm_q.weight", _LAYER + "attn.norm_k.weight", offset=_OFFSET.name
        ),
        _gain(_LAYER + "norm_1.weight", Role.GAIN_A, optional=True),
        _gain(_LAYER + "norm_2.weight", Role.GAIN_M, optional=True),
        _gain("transformer.ln_f.weight", Role.GAIN_FINAL),
    ),
)
