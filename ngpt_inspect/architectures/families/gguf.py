"""Names of GGUF files (llama.cpp): one vocabulary for every decoder family."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    POST_GAIN,
    ROTARY,
    ROUTER,
    Architecture,
    Rule,
    layer_biases,
    qk_norms,
    router,
)
from ngpt_inspect.architectures.engine.cuts import QKV, fused, halves
from ngpt_inspect.vocabulary import Role

_LAYER = "blk.{layer}."
_SPLIT, _FUSED = "attention/split", "attention/fused"


_DENSE, _HALVES = "mlp/dense", "mlp/gate and up in one"


def _mlp(
    suffix: str, block: str, width: str, *, stacked: str = "", optional: bool = False
) -> tuple[Rule, ...]:
    count = "n_experts, " if stacked else ""
    return tuple(
        Rule(
            name=f"{_LAYER}ffn_{name}{suffix}.weight",
            role=role,
            shape=count + shape,
            stacked=stacked,
            block=block,
            optional=optional or name == "gate",
        )
        for name, role, shape in (
            ("up", Role.W_U, f"{width}, d_model"),
            ("gate", Role.W_NU, f"{width}, d_model"),
            ("down", Role.W_O_MLP, f"d_model, {width}"),
        )
    )


ARCHITECTURE = Architecture(
    name="gguf",
    family="GPT",
    title="GGUF",
    source="github.com/ggml-org/llama.cpp, gguf-py/gguf/constants.py",
    ignored={
        **layer_biases(
            _LAYER,
            *("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "attn_norm"),
            *("ffn_up", "ffn_gate", "ffn_down", "ffn_norm"),
        ),
        "output_norm.bias": BIAS,
        "output.bias": BIAS,
        _LAYER + "post_attention_norm.weight": POST_GAIN,
        _LAYER + "post_ffw_norm.weight": POST_GAIN,
        _LAYER + "ffn_gate_inp_shexp.weight": ROUTER,
        _LAYER + "exp_probs_b.bias": ROUTER,
    },
    buffers={
        "rope_freqs.weight": ROTARY,
        "rope_factors_long.weight": ROTARY,
        "rope_factors_short.weight": ROTARY,
        _LAYER + "attn_rot_embd": ROTARY,
    },
    notes=(
        "norm gains are as the converter wrote them: of a Gemma it has added the 1",
        "an expert that every token passes (shexp) has no expert number",
    ),
    rules=(
        Rule(name="token_embd.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="output.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(
            name="position_embd.weight",
            role=Role.E_POSITION,
            shape="context, d_model",
            optional=True,
        ),
        Rule(
            name=_LAYER + "attn_q.weight",
            role=Role.W_Q,
            shape="n_heads*d_k, d_model",
            block=_SPLIT,
        ),
        Rule(
            name=_LAYER + "attn_k.weight",
            role=Role.W_K,
            shape="n_kv_heads*d_k, d_model",
            block=_SPLIT,
        ),
        Rule(
            name=_LAYER + "attn_v.weight",
            role=Role.W_V,
            shape="n_kv_heads*d_k, d_model",
            block=_SPLIT,
        ),
        *fused(_LAYER + "attn_qkv.weight", QKV, block=_FUSED),
        Rule(name=_LAYER + "attn_output.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        # Phi-3, GLM 4 and others have the gate in the first half of ffn_up; the shapes tell.
        *(rule for rule in _mlp("", _DENSE, "d_mlp") if rule.role is not Role.W_O_MLP),
        *fused(_LAYER + "ffn_up.weight", halves(Role.W_NU, Role.W_U), block=_HALVES),
        Rule(
            name=_LAYER + "ffn_down.weight",
            role=Role.W_O_MLP,
            shape="d_model, d_mlp",
            block=f"{_DENSE}|{_HALVES}",
        ),
        *_mlp("_exps", "mlp/experts", "d_expert", stacked="expert"),
        *_mlp(".{expert}", "mlp/experts apart", "d_expert"),
        *_mlp("_shexp", "shared/one", "d_shared", optional=True),
        router(_LAYER + "ffn_gate_inp.weight"),
        *qk_norms(_LAYER + "attn_q_norm.weight", _LAYER + "attn_k_norm.weight"),
        Rule(name=_LAYER + "attn_norm.weight", role=Role.GAIN_A, shape="d_model", optional=True),
        Rule(name=_LAYER + "ffn_norm.weight", role=Role.GAIN_M, shape="d_model", optional=True),
        Rule(name="output_norm.weight", role=Role.GAIN_FINAL, shape="d_model", optional=True),
    ),
)
