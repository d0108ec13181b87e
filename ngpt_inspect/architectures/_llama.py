"""What Llama and its many descendants share: names of matrices, in pieces to be combined."""

from collections.abc import Mapping

from ngpt_inspect.architectures._architecture import QK_GAIN, ROTARY, Rule, layer_biases
from ngpt_inspect.vocabulary import Role

LAYER = "[language_model.][model.][language_model.]layers.{layer}."
ATTENTION = LAYER + "self_attn."
MLP = LAYER + "mlp."
FINAL_NORM = "[language_model.][model.][language_model.]norm.weight"

IGNORED = {
    **layer_biases(
        LAYER,
        *(f"self_attn.{name}_proj" for name in ("q", "k", "v", "o")),
        *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
    ),
    ATTENTION + "q_norm.weight": QK_GAIN,
    ATTENTION + "k_norm.weight": QK_GAIN,
}

BUFFERS: Mapping[str, str] = {ATTENTION + "rotary_emb.inv_freq": ROTARY}

EMBEDDINGS = (
    Rule(
        name="[language_model.][model.][language_model.]embed_tokens.weight",
        role=Role.E_INPUT,
        shape="vocab_size, d_model",
    ),
    Rule(
        name="[language_model.]lm_head.weight",
        role=Role.E_OUTPUT,
        shape="vocab_size, d_model",
        optional=True,
    ),
)

W_O = Rule(name=ATTENTION + "o_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k")

ATTENTIONS = (
    Rule(name=ATTENTION + "q_proj.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
    Rule(name=ATTENTION + "k_proj.weight", role=Role.W_K, shape="n_kv_heads*d_k, d_model"),
    Rule(name=ATTENTION + "v_proj.weight", role=Role.W_V, shape="n_kv_heads*d_k, d_model"),
    W_O,
)

QKV_ROWS = {
    Role.W_Q: ("0", "n_heads*d_k"),
    Role.W_K: ("n_heads*d_k", "(n_heads + n_kv_heads)*d_k"),
    Role.W_V: ("(n_heads + n_kv_heads)*d_k", "(n_heads + 2*n_kv_heads)*d_k"),
}
"""All queries, then all keys, then all values."""
QKV_SHAPE = "(n_heads + 2*n_kv_heads)*d_k, d_model"


def mlp(
    prefix: str = MLP, block: str = "", width: str = "d_mlp", *, optional: bool = False
) -> tuple[Rule, ...]:
    """Return the rules of one gated MLP: dense, shared by all tokens, or of each expert."""
    return tuple(
        Rule(name=prefix + name, role=role, shape=shape, block=block, optional=optional)
        for name, role, shape in (
            ("up_proj.weight", Role.W_U, f"{width}, d_model"),
            ("gate_proj.weight", Role.W_NU, f"{width}, d_model"),
            ("down_proj.weight", Role.W_O_MLP, f"d_model, {width}"),
        )
    )


def norms(before_mlp: str = "post_attention_layernorm", *, offset: str = "0") -> tuple[Rule, ...]:
    """Return the rules of the gains before the blocks and of the last one."""
    return (
        Rule(
            name=LAYER + "input_layernorm.weight",
            role=Role.GAIN_A,
            shape="d_model",
            offset=offset,
        ),
        Rule(name=f"{LAYER}{before_mlp}.weight", role=Role.GAIN_M, shape="d_model", offset=offset),
        Rule(name=FINAL_NORM, role=Role.GAIN_FINAL, shape="d_model", offset=offset),
    )
