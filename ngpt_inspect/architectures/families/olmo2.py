"""OLMo 2: norms after the blocks, none before."""

from ngpt_inspect.architectures.engine.architecture import POST_GAIN, Architecture, whole
from ngpt_inspect.architectures.families import _llama
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="olmo2",
    family="GPT",
    title="OLMo 2",
    source="transformers, models/olmo2/modeling_olmo2.py",
    ignored={
        **_llama.IGNORED,
        _llama.LAYER + "post_attention_layernorm.weight": POST_GAIN,
        _llama.LAYER + "post_feedforward_layernorm.weight": POST_GAIN,
    },
    buffers=_llama.BUFFERS,
    constants=(_llama.GAIN_OFFSET,),
    excludes={
        _llama.LAYER + "input_layernorm.weight": "Llama and its like",
        _llama.LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    notes=("queries and keys are normed over all heads at once",),
    rules=(
        *_llama.EMBEDDINGS,
        *_llama.ATTENTIONS,
        *_llama.QK_NORMS,
        *_llama.mlp(),
        whole(_llama.FINAL_NORM, Role.GAIN_FINAL, offset="gain_offset"),
    ),
)
