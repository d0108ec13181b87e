"""Gemma, first generation: Llama's names, norm gains used as 1 + w."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.families import _llama

ARCHITECTURE = Architecture(
    name="gemma",
    family="GPT",
    title="Gemma",
    source="transformers, models/gemma/modeling_gemma.py",
    ignored=_llama.IGNORED,
    buffers=_llama.BUFFERS,
    excludes={
        _llama.LAYER + "pre_feedforward_layernorm.weight": "Gemma 2 and later",
        _llama.LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    requires={"model_type": _llama.GEMMA},
    notes=(
        "norm gains are given as the model uses them: 1 + stored",
        "the model multiplies input embeddings by sqrt(d_model); they are given as stored",
        "GELU gate",
    ),
    rules=(*_llama.EMBEDDINGS, *_llama.ATTENTIONS, *_llama.mlp(), *_llama.norms(offset="1")),
)
