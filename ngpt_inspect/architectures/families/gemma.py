"""Gemma, first generation: Llama's names, norm gains used as 1 + w."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.families._llama import (
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    GEMMA,
    IGNORED,
    LAYER,
    mlp,
    norms,
)

ARCHITECTURE = Architecture(
    name="gemma",
    family="GPT",
    title="Gemma",
    source="transformers, models/gemma/modeling_gemma.py",
    ignored=IGNORED,
    buffers=BUFFERS,
    excludes={
        LAYER + "pre_feedforward_layernorm.weight": "Gemma 2 and later",
        LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    requires={"model_type": GEMMA},
    notes=(
        "norm gains are given as the model uses them: 1 + stored",
        "the model multiplies input embeddings by sqrt(d_model); they are given as stored",
        "GELU gate",
    ),
    rules=(*EMBEDDINGS, *ATTENTIONS, *mlp(), *norms(offset="1")),
)
