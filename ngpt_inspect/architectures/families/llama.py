"""Llama, Mistral, Qwen2, Qwen3 and whatever else has their names and their pre-norm blocks."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.families import _llama

ARCHITECTURE = Architecture(
    name="llama",
    family="GPT",
    title="Llama-like",
    source="transformers, models/llama/modeling_llama.py",
    ignored=_llama.IGNORED,
    buffers=_llama.BUFFERS,
    excludes={
        _llama.LAYER + "pre_feedforward_layernorm.weight": "Gemma 2 and later",
        _llama.LAYER + "post_feedforward_layernorm.weight": "OLMo 2",
        _llama.LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    # The same names and shapes; only the config tells.
    forbids={"model_type": _llama.GEMMA},
    constants=(_llama.GAIN_OFFSET,),
    rules=(
        *_llama.EMBEDDINGS,
        *_llama.ATTENTIONS,
        *_llama.QK_NORMS,
        *_llama.mlp(),
        *_llama.norms(),
    ),
)
