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
    whole,
)
from ngpt_inspect.architectures.engine.cuts import QKV, fused, halves
from ngpt_inspect.vocabulary import Role

_LAYER = "blk.{layer}."
_SPLIT, _FUSED = "attention/split", "attention/fused"
_DENSE, _HALVES = "mlp/dense", "mlp/gate and up in one"


def _mlp(
    suffix: str, block: str, width: str, *, stacked: str = "", optional: bool = False
) -> tuple[Rule, ...]:
    names = {"up": Role.W_U, "gate": Role.W_NU, "down": Role.W_O_MLP}
    return tuple(
        whole(
            f"{_LAYER}ffn_{name}{suffix}.weight",
            role,
            width=width,
            stacked=stacked,
            block=block,
            optional=optional or name == "gate",
        )
        for name, role in names.items()
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
        whole("token_embd.weight", Role.E_INPUT),
        whole("output.weight", Role.E_OUTPUT, optional=True),
        whole("position_embd.weight", Role.E_POSITION, optional=True),
        whole(_LAYER + "attn_q.weight", Role.W_Q, block=_SPLIT),
        whole(_LAYER + "attn_k.weight", Role.W_K, block=_SPLIT),
        whole(_LAYER + "attn_v.weight", Role.W_V, block=_SPLIT),
        *fused(_LAYER + "attn_qkv.weight", QKV, block=_FUSED),
        whole(_LAYER + "attn_output.weight", Role.W_O),
        # Phi-3, GLM 4 and others have the gate in the first half of ffn_up; the shapes tell.
        *(rule for rule in _mlp("", _DENSE, "d_mlp") if rule.role is not Role.W_O_MLP),
        *fused(_LAYER + "ffn_up.weight", halves(Role.W_NU, Role.W_U), block=_HALVES),
        whole(_LAYER + "ffn_down.weight", Role.W_O_MLP, block=f"{_DENSE}|{_HALVES}"),
        *_mlp("_exps", "mlp/experts", "d_expert", stacked="expert"),
        *_mlp(".{expert}", "mlp/experts apart", "d_expert"),
        *_mlp("_shexp", "shared/one", "d_shared", optional=True),
        router(_LAYER + "ffn_gate_inp.weight"),
        *qk_norms(_LAYER + "attn_q_norm.weight", _LAYER + "attn_k_norm.weight"),
        whole(_LAYER + "attn_norm.weight", Role.GAIN_A, optional=True),
        whole(_LAYER + "ffn_norm.weight", Role.GAIN_M, optional=True),
        whole("output_norm.weight", Role.GAIN_FINAL, optional=True),
    ),
)
