"""Gemma 2 and 3: a norm before and after each block, gains used as 1 + w."""

from ngpt_inspect.architectures._architecture import POST_GAIN, Architecture
from ngpt_inspect.architectures._llama import (
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    IGNORED,
    LAYER,
    mlp,
    norms,
)

ARCHITECTURE = Architecture(
    name="gemma2",
    family="GPT",
    title="Gemma 2 and 3",
    source="transformers, models/gemma2/modeling_gemma2.py, models/gemma3/modeling_gemma3.py",
    ignored={
        **IGNORED,
        LAYER + "post_attention_layernorm.weight": POST_GAIN,
        LAYER + "post_feedforward_layernorm.weight": POST_GAIN,
    },
    buffers=BUFFERS,
    notes=(
        "norm gains are given as the model uses them: 1 + stored",
        "the model multiplies input embeddings by sqrt(d_model); they are given as stored",
        "GELU gate",
    ),
    rules=(
        *EMBEDDINGS,
        *ATTENTIONS,
        *mlp(),
        *norms("pre_feedforward_layernorm", offset="1"),
    ),
)
