"""What Llama and its many descendants share: names of matrices, in pieces to be combined."""

from collections.abc import Mapping
from typing import Any

from ngpt_inspect.architectures.engine.architecture import (
    ROTARY,
    Constant,
    Rule,
    layer_biases,
    qk_norms,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import Cut, fused
from ngpt_inspect.vocabulary import Role

LAYER = "[language_model.][model.][language_model.]layers.{layer}."
ATTENTION = LAYER + "self_attn."
MLP = LAYER + "mlp."
FINAL_NORM = "[language_model.][model.][language_model.]norm.weight"

GEMMA = ("gemma", "paligemma")
"""The `model_type` of Gemma 1, which has the very names of Llama."""
MUSE = ("muse_glimmer", "muse_glimmer_text", "muse_spark", "muse_spark_text")
"""Of these the norms in layers multiply by 1 + w, and the last one by w."""
ONE_PLUS_W = (
    *(*GEMMA, "gemma2", "gemma3", "gemma3_text", "vaultgemma"),
    *("minimax_m3_vl", "minimax_m3_vl_text"),
    *("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"),
    *("qwen4_exp", "qwen4_exp_text", "step3p5", "step3p7", "nemotron"),
    *("recurrent_gemma", *MUSE),
    *("t5gemma", "t5_gemma_module", "t5gemma2", "t5gemma2_decoder"),
)
"""The `model_type` of transformers 5.24 whose norms multiply by 1 + w. Gemma 3n and 4 use w."""

IGNORED = layer_biases(
    LAYER,
    *(f"self_attn.{name}_proj" for name in ("q", "k", "v", "o")),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
)

BUFFERS: Mapping[str, str] = {ATTENTION + "rotary_emb.inv_freq": ROTARY}

EMBEDDINGS = (
    whole("[language_model.][model.][language_model.]embed_tokens.weight", Role.E_INPUT),
    whole("[language_model.]lm_head.weight", Role.E_OUTPUT, optional=True),
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
GAIN_OFFSET_IN_MLX = Constant(
    name=GAIN_OFFSET.name,
    keys=("metadata.format",),
    values={"mlx": "0"},
    assumed="0",
    because="MLX has added 1 when it converted them",
    when={
        "metadata.format": ("mlx",),
        "model_type": ("qwen3_next", "qwen3_5*", "step3p[57]", "muse_spark*"),
    },
)
"""What is left to add where MLX adds 1 when it converts (mlx-lm 0.32, `sanitize` of each)."""

W_O = whole(ATTENTION + "o_proj.weight", Role.W_O)

ATTENTIONS = (
    whole(ATTENTION + "q_proj.weight", Role.W_Q),
    whole(ATTENTION + "k_proj.weight", Role.W_K),
    whole(ATTENTION + "v_proj.weight", Role.W_V),
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
    names = {"up": Role.W_U, "gate": Role.W_NU, "down": Role.W_O_MLP}
    return tuple(
        whole(
            "|".join(f"{each}{name}_proj.weight" for each in prefixes),
            role,
            width=width,
            block=block,
            optional=optional,
        )
        for name, role in names.items()
    )


def stacked_experts(cut: Cut) -> tuple[Rule, ...]:
    """Return the rules of experts in one tensor: (out, in) each, or (in, out), as shapes tell."""
    rules: list[Rule] = []
    for way in ("(out, in)", "(in, out)"):
        how: dict[str, Any] = {
            "stacked": "expert",
            "transposed": way == "(in, out)",
            "block": f"mlp/experts stacked as {way}",
        }
        rules += fused(MLP + "experts.gate_up_proj", cut, **how)
        rules.append(whole(MLP + "experts.down_proj", Role.W_O_MLP, **how))
    return tuple(rules)


def norms(
    before_mlp: str = "post_attention_layernorm", *, offset: str = GAIN_OFFSET.name
) -> tuple[Rule, ...]:
    """Return the rules of the gains before the blocks and of the last one.

    A declaration with them has `GAIN_OFFSET` among its constants, or another offset.
    """
    return (
        whole(LAYER + "input_layernorm.weight", Role.GAIN_A, offset=offset),
        whole(f"{LAYER}{before_mlp}.weight", Role.GAIN_M, offset=offset),
        whole(FINAL_NORM, Role.GAIN_FINAL, offset=offset),
    )
