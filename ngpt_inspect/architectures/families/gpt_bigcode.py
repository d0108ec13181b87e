"""GPT-BigCode (StarCoder, SantaCoder): nanoGPT's names, keys and values of one or of each head."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.engine.cuts import QKV_BY_GROUP, fused
from ngpt_inspect.architectures.families._gpt2 import BIASES, EMBEDDINGS, GAINS, LAYER, MASKS
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="gpt_bigcode",
    family="GPT",
    title="GPT-BigCode",
    source="transformers, models/gpt_bigcode/modeling_gpt_bigcode.py",
    ignored=BIASES,
    buffers=MASKS,
    # Only the config tells it from nanoGPT where each head has keys of its own.
    requires={"model_type": ("gpt_bigcode",)},
    notes=("GELU, no gate: there is no W_nu",),
    rules=(
        *EMBEDDINGS,
        # One group, or one a head: rows say which.
        *fused(LAYER + "attn.c_attn.weight", QKV_BY_GROUP),
        whole(LAYER + "attn.c_proj.weight", Role.W_O),
        whole(LAYER + "mlp.c_fc.weight", Role.W_U),
        whole(LAYER + "mlp.c_proj.weight", Role.W_O_MLP),
        *GAINS,
    ),
)
