"""gpt-oss: a mixture whose gates and us alternate, in 4 bits or as transformers saves it."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, router, whole
from ngpt_inspect.architectures.engine.cuts import alternating
from ngpt_inspect.architectures.families._llama import (
    ATTENTION,
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    IGNORED,
    MLP,
    norms,
    stacked_experts,
)
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="gpt_oss",
    family="GPT",
    title="gpt-oss",
    source="transformers, models/gpt_oss/modeling_gpt_oss.py",
    ignored={
        **IGNORED,
        MLP + "router.bias": BIAS,
        MLP + "experts.gate_up_proj_bias": BIAS,
        MLP + "experts.down_proj_bias": BIAS,
    },
    buffers=BUFFERS,
    notes=(
        "rows of the gate and of u alternate in gate_up_proj",
        "the model multiplies gate x sigmoid(1.702 gate) by u + 1, both clamped",
    ),
    rules=(
        *EMBEDDINGS,
        *ATTENTIONS,
        *stacked_experts(alternating(Role.W_NU, Role.W_U)),
        router(MLP + "router.weight"),
        whole(ATTENTION + "sinks", Role.SINK),
        *norms(offset="0"),
    ),
)
