"""Llama, Mistral, Qwen2, Qwen3 and whatever else has their names and their pre-norm blocks."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.families._llama import (
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    GAIN_OFFSET,
    GEMMA,
    IGNORED,
    LAYER,
    QK_NORMS,
    mlp,
    norms,
)

ARCHITECTURE = Architecture(
    name="llama",
    family="GPT",
    title="Llama-like",
    source="transformers, models/llama/modeling_llama.py",
    ignored=IGNORED,
    buffers=BUFFERS,
    excludes={
        LAYER + "pre_feedforward_layernorm.weight": "Gemma 2 and later",
        LAYER + "post_feedforward_layernorm.weight": "OLMo 2",
        LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    # The same names and shapes; only the config tells.
    forbids={"model_type": GEMMA},
    constants=(GAIN_OFFSET,),
    rules=(*EMBEDDINGS, *ATTENTIONS, *QK_NORMS, *mlp(), *norms()),
)
