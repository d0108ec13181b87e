"""Gemma 2 and 3, and others with a norm before and after each block."""

from dataclasses import replace

from ngpt_inspect.architectures.engine.architecture import POST_GAIN, Architecture
from ngpt_inspect.architectures.families import _llama

ARCHITECTURE = Architecture(
    name="gemma2",
    family="GPT",
    title="Gemma 2 and 3",
    source="transformers, models/gemma2/modeling_gemma2.py, models/gemma3/modeling_gemma3.py",
    ignored={
        **_llama.IGNORED,
        _llama.LAYER + "post_attention_layernorm.weight": POST_GAIN,
        _llama.LAYER + "post_feedforward_layernorm.weight": POST_GAIN,
    },
    buffers=_llama.BUFFERS,
    constants=(
        replace(
            _llama.GAIN_OFFSET,
            assumed="1",
            because="no model_type is recorded; as Gemma 2 and 3 do",
        ),
    ),
    notes=(
        "Gemmas multiply input embeddings by sqrt(d_model); they are given as stored",
        "GELU gate",
    ),
    rules=(
        *_llama.EMBEDDINGS,
        *_llama.ATTENTIONS,
        *_llama.QK_NORMS,
        *_llama.mlp(),
        *_llama.norms("pre_feedforward_layernorm"),
    ),
)
