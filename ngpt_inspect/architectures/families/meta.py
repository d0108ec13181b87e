"""Meta's own names, Mistral's and those of torchtitan: w1 gates, w3 is u, w2 leads out."""

from typing import Any

from ngpt_inspect.architectures.engine.architecture import (
    ROTARY,
    ROUTER,
    Architecture,
    Rule,
    qk_norms,
    whole,
)
from ngpt_inspect.vocabulary import Role

_LAYER = "layers.{layer}."
_ATTENTION = _LAYER + "attention."


def _gated(
    prefix: str, block: str, width: str, *, leaf: str = ".weight", **more: Any
) -> tuple[Rule, ...]:
    """Return the rules of one gated MLP, or of experts in one tensor, as grouped_mm takes them."""
    names = {"w3": Role.W_U, "w1": Role.W_NU, "w2": Role.W_O_MLP}
    return tuple(
        whole(f"{prefix}{name}{leaf}", role, width=width, block=block, **more)
        for name, role in names.items()
    )


ARCHITECTURE = Architecture(
    name="meta",
    family="GPT",
    title="Meta's Llama",
    source="github.com/meta-llama/llama, llama/model.py; mistral-inference; torchtitan",
    ignored={
        _LAYER + "feed_forward.gate.weight": ROUTER,
        _LAYER + "moe.router.gate.weight": ROUTER,
    },
    buffers={
        "rope.freqs": ROTARY,
        "freqs_cis": ROTARY,
        _LAYER + "moe.expert_bias": "balances the load of experts",
        _LAYER + "moe.tokens_per_expert": "counts the load of experts",
    },
    notes=("an expert that every token passes (shared_experts) has no expert number",),
    rules=(
        whole("tok_embeddings.weight", Role.E_INPUT),
        whole("output.weight", Role.E_OUTPUT, optional=True),
        whole(_ATTENTION + "wq.weight", Role.W_Q),
        whole(_ATTENTION + "wk.weight", Role.W_K),
        whole(_ATTENTION + "wv.weight", Role.W_V),
        whole(_ATTENTION + "wo.weight", Role.W_O),
        *_gated(_LAYER + "feed_forward.", "mlp/dense", "d_mlp"),
        *_gated(_LAYER + "feed_forward.experts.{expert}.", "mlp/experts apart", "d_expert"),
        *_gated(
            _LAYER + "moe.experts.", "mlp/experts stacked", "d_expert", leaf="", stacked="expert"
        ),
        *_gated(_LAYER + "moe.shared_experts.", "shared/one", "d_shared", optional=True),
        *qk_norms(_ATTENTION + "q_norm.weight", _ATTENTION + "k_norm.weight"),
        whole(_LAYER + "attention_norm.weight", Role.GAIN_A),
        whole(_LAYER + "ffn_norm.weight", Role.GAIN_M),
        whole("norm.weight", Role.GAIN_FINAL),
    ),
)
