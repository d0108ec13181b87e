"""Phi-3: Llama with fused matrices, all queries, keys and values in one, the gate first."""

from ngpt_inspect.architectures._architecture import Architecture, Rule, fused
from ngpt_inspect.architectures._llama import (
    ATTENTION,
    BUFFERS,
    EMBEDDINGS,
    MLP,
    QKV_ROWS,
    QKV_SHAPE,
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
    rules=(
        *EMBEDDINGS,
        *fused(ATTENTION + "qkv_proj.weight", QKV_SHAPE, QKV_ROWS),
        W_O,
        *fused(
            MLP + "gate_up_proj.weight",
            "2*d_mlp, d_model",
            {Role.W_NU: ("0", "d_mlp"), Role.W_U: ("d_mlp", "2*d_mlp")},
        ),
        Rule(name=MLP + "down_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        *norms(),
    ),
)
