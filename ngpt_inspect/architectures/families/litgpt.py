"""litgpt: all queries, keys and values in one matrix; a gated MLP, a plain one, or experts."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    Architecture,
    Rule,
    layer_biases,
    qk_norms,
    router,
)
from ngpt_inspect.architectures.engine.cuts import QKV, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "transformer.h.{layer}."
_MLP = _LAYER + "mlp."


def _gated(prefix: str, gated: str, output: str) -> tuple[Rule, ...]:
    return (
        Rule(name=prefix + "fc_2.weight", role=Role.W_U, shape="d_mlp, d_model", block=gated),
        Rule(name=prefix + "fc_1.weight", role=Role.W_NU, shape="d_mlp, d_model", block=gated),
        Rule(name=prefix + "proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp", block=output),
    )


ARCHITECTURE = Architecture(
    name="litgpt",
    family="GPT",
    title="litgpt",
    source="github.com/Lightning-AI/litgpt, litgpt/model.py",
    ignored={
        **layer_biases(
            _LAYER,
            *("attn.qkv", "attn.proj", "norm_1", "norm_2"),
            *("mlp.fc", "mlp.fc_1", "mlp.fc_2", "mlp.proj"),
        ),
        "transformer.ln_f.bias": BIAS,
        "lm_head.bias": BIAS,
    },
    notes=("norm gains are given as stored; a Gemma adds 1 to them",),
    rules=(
        Rule(name="transformer.wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        *fused(_LAYER + "attn.qkv.weight", QKV),
        Rule(name=_LAYER + "attn.proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        *_gated(_MLP, "mlp/gated", "mlp/gated|mlp/plain"),
        *_gated(_MLP + "experts.{expert}.", "mlp/experts", "mlp/experts"),
        router(_MLP + "gate.weight"),
        Rule(name=_MLP + "fc.weight", role=Role.W_U, shape="d_mlp, d_model", block="mlp/plain"),
        *qk_norms(_LAYER + "attn.norm_q.weight", _LAYER + "attn.norm_k.weight"),
        Rule(name=_LAYER + "norm_1.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=_LAYER + "norm_2.weight", role=Role.GAIN_M, shape="d_model", optional=True),
        Rule(name="transformer.ln_f.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
