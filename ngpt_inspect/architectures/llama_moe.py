"""Mixtral, Qwen2-MoE, Qwen3-MoE, OLMoE: Llama with a mixture of experts, apart or stacked."""

from ngpt_inspect.architectures._architecture import ROUTER, Architecture, Rule, fused
from ngpt_inspect.architectures._llama import (
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    IGNORED,
    LAYER,
    MLP,
    mlp,
    norms,
)
from ngpt_inspect.vocabulary import Role

_SPARSE = LAYER + "block_sparse_moe."
_EXPERT = MLP + "experts.{expert}."
_MIXTRAL = _SPARSE + "experts.{expert}."
_APART, _STACKED = "mlp/experts apart", "mlp/experts stacked"

ARCHITECTURE = Architecture(
    name="llama_moe",
    family="GPT",
    title="Llama-like mixture",
    source="transformers, models/mixtral, qwen2_moe, qwen3_moe, olmoe",
    ignored={
        **IGNORED,
        MLP + "gate.weight": ROUTER,
        MLP + "shared_expert_gate.weight": ROUTER,
        _SPARSE + "gate.weight": ROUTER,
    },
    buffers=BUFFERS,
    marks=(_EXPERT + "up_proj.weight", _MIXTRAL + "w1.weight", MLP + "experts.gate_up_proj"),
    notes=("an expert that every token passes (shared_expert) has no expert number",),
    rules=(
        *EMBEDDINGS,
        *ATTENTIONS,
        Rule(
            name=f"{_EXPERT}up_proj.weight|{_MIXTRAL}w3.weight",
            role=Role.W_U,
            shape="d_mlp, d_model",
            block=_APART,
        ),
        Rule(
            name=f"{_EXPERT}gate_proj.weight|{_MIXTRAL}w1.weight",
            role=Role.W_NU,
            shape="d_mlp, d_model",
            block=_APART,
        ),
        Rule(
            name=f"{_EXPERT}down_proj.weight|{_MIXTRAL}w2.weight",
            role=Role.W_O_MLP,
            shape="d_model, d_mlp",
            block=_APART,
        ),
        *fused(
            MLP + "experts.gate_up_proj",
            "n_experts, 2*d_mlp, d_model",
            {Role.W_NU: ("0", "d_mlp"), Role.W_U: ("d_mlp", "2*d_mlp")},
            stacked="expert",
            block=_STACKED,
        ),
        Rule(
            name=MLP + "experts.down_proj",
            role=Role.W_O_MLP,
            shape="n_experts, d_model, d_mlp",
            stacked="expert",
            block=_STACKED,
        ),
        *mlp(MLP, "mlp/dense", "d_dense"),
        *mlp(MLP + "shared_expert.", "shared/one", "d_shared", optional=True),
        *norms(),
    ),
)
