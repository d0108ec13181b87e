"""Mixtral, Qwen2-MoE, Qwen3-MoE, OLMoE: Llama with a mixture of experts, apart or stacked."""

from ngpt_inspect.architectures.engine.architecture import Architecture, router, whole
from ngpt_inspect.architectures.engine.cuts import halves
from ngpt_inspect.architectures.families import _llama
from ngpt_inspect.vocabulary import Role

_SPARSE = _llama.LAYER + "block_sparse_moe."
_EXPERT = _llama.MLP + "experts.{expert}."
_MIXTRAL = _SPARSE + "experts.{expert}."
_SHARED = tuple(f"{_llama.MLP}shared_{name}." for name in ("expert", "experts", "mlp"))
_APART = "mlp/experts apart"

ARCHITECTURE = Architecture(
    name="llama_moe",
    family="GPT",
    title="Llama-like mixture",
    source="transformers, models/mixtral, qwen2_moe, qwen3_moe, olmoe",
    ignored=_llama.IGNORED,
    buffers=_llama.BUFFERS,
    marks=(_EXPERT + "up_proj.weight", _MIXTRAL + "w1.weight", _llama.MLP + "experts.gate_up_proj"),
    excludes={_llama.MLP + "experts.gate_up_proj_bias": "gpt-oss, whose gates and us alternate"},
    constants=(_llama.GAIN_OFFSET,),
    notes=("an expert that every token passes (shared_expert) has no expert number",),
    rules=(
        *_llama.EMBEDDINGS,
        *_llama.ATTENTIONS,
        *_llama.QK_NORMS,
        whole(f"{_EXPERT}up_proj.weight|{_MIXTRAL}w3.weight", Role.W_U, block=_APART),
        whole(f"{_EXPERT}gate_proj.weight|{_MIXTRAL}w1.weight", Role.W_NU, block=_APART),
        whole(f"{_EXPERT}down_proj.weight|{_MIXTRAL}w2.weight", Role.W_O_MLP, block=_APART),
        *_llama.stacked_experts(halves(Role.W_NU, Role.W_U)),
        *_llama.mlp(_llama.MLP, "mlp/dense", "d_dense"),
        *_llama.mlp(_SHARED, "shared/one", "d_shared", optional=True),
        router(_llama.MLP + "gate.weight", _SPARSE + "gate.weight"),
        # One row, which weighs the expert that every token passes.
        whole(
            _llama.MLP + "shared_expert_gate.weight", Role.X_IN, shape="1, d_model", optional=True
        ),
        *_llama.norms(),
    ),
)
