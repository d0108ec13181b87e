"""Meta's own names, Mistral's and those of torchtitan: w1 gates, w3 is u, w2 leads out."""

from dataclasses import replace

from ngpt_inspect.architectures.engine.architecture import (
    ROTARY,
    ROUTER,
    Architecture,
    Rule,
    qk_norms,
)
from ngpt_inspect.vocabulary import Role

_LAYER = "layers.{layer}."
_ATTENTION = _LAYER + "attention."


def _gated(prefix: str, block: str, width: str, *, optional: bool = False) -> tuple[Rule, ...]:
    """Return the rules of one gated MLP."""
    return tuple(
        Rule(name=f"{prefix}{name}.weight", role=role, shape=shape, block=block, optional=optional)
        for name, role, shape in (
            ("w3", Role.W_U, f"{width}, d_model"),
            ("w1", Role.W_NU, f"{width}, d_model"),
            ("w2", Role.W_O_MLP, f"d_model, {width}"),
        )
    )


def _stacked(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the same of experts in one tensor, as grouped_mm takes them."""
    return tuple(
        replace(
            rule,
            name=rule.name.removesuffix(".weight"),
            shape=f"n_experts, {rule.shape}",
            stacked="expert",
        )
        for rule in rules
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
        Rule(name="tok_embeddings.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="output.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        *(
            Rule(name=f"{_ATTENTION}{name}.weight", role=role, shape=shape)
            for name, role, shape in (
                ("wq", Role.W_Q, "n_heads*d_k, d_model"),
                ("wk", Role.W_K, "n_kv_heads*d_k, d_model"),
                ("wv", Role.W_V, "n_kv_heads*d_k, d_model"),
                ("wo", Role.W_O, "d_model, n_heads*d_k"),
            )
        ),
        *_gated(_LAYER + "feed_forward.", "mlp/dense", "d_mlp"),
        *_gated(_LAYER + "feed_forward.experts.{expert}.", "mlp/experts apart", "d_expert"),
        *_stacked(_gated(_LAYER + "moe.experts.", "mlp/experts stacked", "d_expert")),
        *_gated(_LAYER + "moe.shared_experts.", "shared/one", "d_shared", optional=True),
        *qk_norms(_ATTENTION + "q_norm.weight", _ATTENTION + "k_norm.weight"),
        Rule(name=_LAYER + "attention_norm.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=_LAYER + "ffn_norm.weight", role=Role.GAIN_M, shape="d_model"),
        Rule(name="norm.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
