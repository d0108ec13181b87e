"""What Llama and its many descendants share: names of matrices, in pieces to be combined."""

from collections.abc import Mapping

from ngpt_inspect.architectures.engine.architecture import (
    ROTARY,
    Constant,
    Rule,
    layer_biases,
    qk_norms,
)
from ngpt_inspect.architectures.engine.cuts import Cut, fused
from ngpt_inspect.vocabulary import Role

LAYER = "[language_model.][model.][language_model.]layers.{layer}."
ATTENTION = LAYER + "self_attn."
MLP = LAYER + "mlp."
FINAL_NORM = "[language_model.][model.][language_model.]norm.weight"

GEMMA = ("gemma", "paligemma")
"""The `model_type` of Gemma 1, which has the very names of Llama."""
ONE_PLUS_W = (
    *(*GEMMA, "gemma2", "gemma3", "gemma3_text", "vaultgemma"),
    *(
        "minimax_m3_vl",
        "minimax_m3_vl_text",
    ),
    *("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"),
    *("qwen4_exp", "qwen4_exp_text", "step3p5"),
)
"""The `model_type` of transformers 5.24 whose norms multiply by 1 + w. Gemma 3n and 4 use w."""

IGNORED = {
    **layer_biases(
        LAYER,
        *(f"self_attn.{name}_proj" for name in ("q", "k", "v", "o")),
        *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
    ),
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

ONE_PLUS_W_OF_MEGATRON = (
    *("apply_layernorm_1p", "layernorm_zero_centered_gamma"),
    "normalization",  # `layernorm1p`
)
"""Settings of Megatron-LM, its core and NeMo that have norms multiply by 1 + w."""

GAIN_OFFSET = Constant(
    name="gain_offset",
    keys=("model_type", *ONE_PLUS_W_OF_MEGATRON),
    values={**dict.fromkeys((*ONE_PLUS_W, "true", "layernorm1p"), "1"), "*": "0"},
    assumed="0",
    because="no model_type is recorded; a Gemma, for one, adds 1 to its norm gains",
)
"""What the model adds to a stored norm gain."""

W_O = Rule(name=ATTENTION + "o_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k")

ATTENTIONS = (
    Rule(name=ATTENTION + "q_proj.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
    Rule(name=ATTENTION + "k_proj.weight", role=Role.W_K, shape="n_kv_heads*d_k, d_model"),
    Rule(name=ATTENTION + "v_proj.weight", role=Role.W_V, shape="n_kv_heads*d_k, d_model"),
    W_O,
)

QK_NORMS = qk_norms(
    ATTENTION + "q_norm.weight", ATTENTION + "k_norm.weight", offset=GAIN_OFFSET.name
)


def mlp(
    prefix: str | tuple[str, ...] = MLP,
    block: str = "",
    width: str = "d_mlp",
    *,
    optional: bool = False,
) -> tuple[Rule, ...]:
    """Return the rules of one gated MLP: dense, shared by all tokens, or of each expert.

    Of several prefixes a model has one.
    """
    prefixes = (prefix,) if isinstance(prefix, str) else prefix
    return tuple(
        Rule(
            name="|".join(each + name for each in prefixes),
            role=role,
            shape=shape,
            block=block,
            optional=optional,
        )
        for name, role, shape in (
            ("up_proj.weight", Role.W_U, f"{width}, d_model"),
            ("gate_proj.weight", Role.W_NU, f"{width}, d_model"),
            ("down_proj.weight", Role.W_O_MLP, f"d_model, {width}"),
        )
    )


def stacked_experts(cut: Cut) -> tuple[Rule, ...]:
    """Return the rules of experts in one tensor: (out, in) each, or (in, out), as shapes tell."""
    return tuple(
        rule
        for transposed, shape in (
            (False, "n_experts, d_model, d_mlp"),
            (True, "n_experts, d_mlp, d_model"),
        )
        for block in (f"mlp/experts stacked as {'(in, out)' if transposed else '(out, in)'}",)
        for rule in (
            *fused(
                MLP + "experts.gate_up_proj",
                cut,
                stacked="expert",
                transposed=transposed,
                block=block,
            ),
            Rule(
                name=MLP + "experts.down_proj",
                role=Role.W_O_MLP,
                shape=shape,
                stacked="expert",
                transposed=transposed,
                block=block,
            ),
        )
    )


def norms(
    before_mlp: str = "post_attention_layernorm", *, offset: str = GAIN_OFFSET.name
) -> tuple[Rule, ...]:
    """Return the rules of the gains before the blocks and of the last one.

    A declaration with them has `GAIN_OFFSET` among its constants, or another offset.
    """
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
