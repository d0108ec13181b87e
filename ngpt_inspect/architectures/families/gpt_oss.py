"""gpt-oss: a mixture whose gates and us alternate, in 4 bits or as transformers saves it."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, router, whole
from ngpt_inspect.architectures.engine.cuts import alternating
from ngpt_inspect.architectures.families import _llama
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="gpt_oss",
    family="GPT",
    title="gpt-oss",
    source="transformers, models/gpt_oss/modeling_gpt_oss.py",
    ignored={
        **_llama.IGNORED,
        _llama.MLP + "router.bias": BIAS,
        _llama.MLP + "experts.gate_up_proj_bias": BIAS,
        _llama.MLP + "experts.down_proj_bias": BIAS,
    },
    buffers=_llama.BUFFERS,
    notes=(
        "rows of the gate and of u alternate in gate_up_proj",
        "the model multiplies gate x sigmoid(1.702 gate) by u + 1, both clamped",
    ),
    rules=(
        *_llama.EMBEDDINGS,
        *_llama.ATTENTIONS,
        *_llama.stacked_experts(alternating(Role.W_NU, Role.W_U)),
        router(_llama.MLP + "router.weight"),
        whole(_llama.ATTENTION + "sinks", Role.SINK),
        *_llama.norms(offset="0"),
    ),
)
