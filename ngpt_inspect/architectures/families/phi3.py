"""Phi-3: Llama with fused matrices, all queries, keys and values in one, the gate first."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.engine.cuts import QKV, fused, halves
from ngpt_inspect.architectures.families import _llama
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="phi3",
    family="GPT",
    title="Phi-3",
    source="transformers, models/phi3/modeling_phi3.py",
    buffers=_llama.BUFFERS,
    constants=(_llama.GAIN_OFFSET,),
    rules=(
        *_llama.EMBEDDINGS,
        *fused(_llama.ATTENTION + "qkv_proj.weight", QKV),
        _llama.W_O,
        *fused(_llama.MLP + "gate_up_proj.weight", halves(Role.W_NU, Role.W_U)),
        whole(_llama.MLP + "down_proj.weight", Role.W_O_MLP),
        *_llama.norms(),
    ),
)
