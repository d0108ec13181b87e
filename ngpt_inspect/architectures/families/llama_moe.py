"""Mixtral, Qwen2-MoE, Qwen3-MoE, OLMoE: Llama with a mixture of experts, apart or stacked."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    gate_of_shared,
    router,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import halves
from ngpt_inspect.architectures.families._llama import (
    ATTENTIONS,
    BUFFERS,
    EMBEDDINGS,
    GAIN_OFFSET,
    IGNORED,
    LAYER,
    MLP,
    QK_NORMS,
    mlp,
    norms,
    stacked_experts,
)
from ngpt_inspect.vocabulary import Role

_SPARSE = LAYER + "block_sparse_moe."
_EXPERT = MLP + "experts.{expert}."
_MIXTRAL = _SPARSE + "experts.{expert}."
_SHARED = (MLP + "shared_expert.", MLP + "shared_experts.", MLP + "shared_mlp.")
_APART = "mlp/experts apart"

ARCHITECTURE = Architecture(
    name="llama_moe",
    family="GPT",
    title="Llama-like mixture",
    source="transformers, models/mixtral, qwen2_moe, qwen3_moe, olmoe",
    ignored=IGNORED,
    buffers=BUFFERS,
    marks=(_EXPERT + "up_proj.weight", _MIXTRAL + "w1.weight", MLP + "experts.gate_up_proj"),
    excludes={MLP + "experts.gate_up_proj_bias": "gpt-oss, whose gates and us alternate"},
    constants=(GAIN_OFFSET,),
    notes=("an expert that every token passes (shared_expert) has no expert number",),
    rules=(
        *EMBEDDINGS,
        *ATTENTIONS,
        *QK_NORMS,
        whole(f"{_EXPERT}up_proj.weight|{_MIXTRAL}w3.weight", Role.W_U, block=_APART),
        whole(f"{_EXPERT}gate_proj.weight|{_MIXTRAL}w1.weight", Role.W_NU, block=_APART),
        whole(f"{_EXPERT}down_proj.weight|{_MIXTRAL}w2.weight", Role.W_O_MLP, block=_APART),
        *stacked_experts(halves(Role.W_NU, Role.W_U)),
        *mlp(MLP, "mlp/dense", "d_dense"),
        *mlp(_SHARED, "shared/one", "d_shared", optional=True),
        router(MLP + "gate.weight", _SPARSE + "gate.weight"),
        gate_of_shared(MLP + "shared_expert_gate.weight"),
        *norms(),
    ),
)
