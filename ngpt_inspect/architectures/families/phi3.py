"""Phi-3: Llama with fused matrices, all queries, keys and values in one, the gate first."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.engine.cuts import QKV, fused, halves
from ngpt_inspect.architectures.families._llama import (
    ATTENTION,
    BUFFERS,
    EMBEDDINGS,
    GAIN_OFFSET,
    MLP,
    W_O,
    norms,
)
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="phi3",
    family="GPT",
    title="Phi-3",
    source="transformers, models/phi3/modeling_phi3.py",
    buffers=BUFFERS,
    constants=(GAIN_OFFSET,),
    rules=(
        *EMBEDDINGS,
        *fused(ATTENTION + "qkv_proj.weight", QKV),
        W_O,
        *fused(MLP + "gate_up_proj.weight", halves(Role.W_NU, Role.W_U)),
        whole(MLP + "down_proj.weight", Role.W_O_MLP),
        *norms(),
    ),
)
