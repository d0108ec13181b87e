"""OLMo 2: norms after the blocks, none before."""

from ngpt_inspect.architectures.engine.architecture import POST_GAIN, Architecture, whole
from ngpt_inspect.architectures.families._llama import (
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    FINAL_NORM,
    GAIN_OFFSET,
    IGNORED,
    LAYER,
    QK_NORMS,
    mlp,
)
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="olmo2",
    family="GPT",
    title="OLMo 2",
    source="transformers, models/olmo2/modeling_olmo2.py",
    ignored={
        **IGNORED,
        LAYER + "post_attention_layernorm.weight": POST_GAIN,
        LAYER + "post_feedforward_layernorm.weight": POST_GAIN,
    },
    buffers=BUFFERS,
    constants=(GAIN_OFFSET,),
    excludes={
        LAYER + "input_layernorm.weight": "Llama and its like",
        LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    notes=("queries and keys are normed over all heads at once",),
    rules=(
        *EMBEDDINGS,
        *ATTENTIONS,
        *QK_NORMS,
        *mlp(),
        whole(FINAL_NORM, Role.GAIN_FINAL, offset="gain_offset"),
    ),
)
