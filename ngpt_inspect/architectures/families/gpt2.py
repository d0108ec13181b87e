"""GPT-2 of Hugging Face transformers: nanoGPT's names, transposed (Conv1D)."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.engine.cuts import THIRDS, fused
from ngpt_inspect.architectures.families._gpt2 import BIASES, EMBEDDINGS, GAINS, LAYER, MASKS
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="gpt2",
    family="GPT",
    title="GPT-2",
    source="transformers, models/gpt2/modeling_gpt2.py",
    notes=("GELU, no gate: there is no W_nu",),
    ignored=BIASES,
    buffers=MASKS,
    rules=(
        *EMBEDDINGS,
        *fused(LAYER + "attn.c_attn.weight", THIRDS, transposed=True),
        whole(LAYER + "attn.c_proj.weight", Role.W_O, shape="d_model, d_model", transposed=True),
        whole(LAYER + "mlp.c_fc.weight", Role.W_U, transposed=True),
        whole(LAYER + "mlp.c_proj.weight", Role.W_O_MLP, transposed=True),
        *GAINS,
    ),
)
