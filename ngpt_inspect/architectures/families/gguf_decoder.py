"""GGUF files of any architecture of llama.cpp: the tensor names of its library, and their roles."""

from __future__ import annotations

from typing import Any

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule, whole
from ngpt_inspect.architectures.engine.cuts import QKV, fused, halves
from ngpt_inspect.architectures.families.decoder_parts.attention import GATED_Q, PRODUCTS
from ngpt_inspect.architectures.families.decoder_parts.words import ANY, LAYER, stack_of
from ngpt_inspect.vocabulary import Role

_ANY_MATRIX = "rows, columns"


def _names(leaves: str) -> str:
    return "|".join(f"{LAYER}{leaf}.weight" for leaf in leaves.split())


def _rule(leaves: str, role: Role, shape: str, block: str = "", **more: Any) -> Rule:
    return Rule(name=_names(leaves), role=role, shape=shape, block=block, **more)


def _each(
    leaves: str, role: Role, shape: str = _ANY_MATRIX, *, outside: bool = False
) -> list[Rule]:
    """Return a rule for each name: tensors that stand for themselves."""
    names = [f"{leaf}.weight" if outside else f"{LAYER}{leaf}.weight" for leaf in leaves.split()]
    return [Rule(name=name, role=role, shape=shape, optional=True) for name in names]


def _beside(block: str) -> list[Rule]:
    return [
        _rule("attn_output attn_o", Role.W_O, "d_model, n_heads*d_v", block),
        _rule("attn_q_norm", Role.GAIN_Q, ANY, block, optional=True),
        _rule("attn_k_norm", Role.GAIN_K, ANY, block, optional=True),
        _rule("attn_sinks", Role.SINK, "n_sinks", block, optional=True),
        _rule("attn_gate", Role.W_GATE_A, "d_gate, d_model", block, optional=True),
    ]


def _attention() -> list[Rule]:
    keys = [
        ("attn_k", Role.W_K, "n_kv_heads*d_k, d_model"),
        ("attn_v", Role.W_V, "n_kv_heads*d_v, d_model"),
    ]
    queries = ("attn_q", Role.W_Q, "n_heads*d_k, d_model")
    low = [
        ("attn_q_a", Role.W_Q_A, "r_q, d_model"),
        ("attn_q_b", Role.W_Q_B, "n_heads*d_q, r_q"),
    ]
    latents = ("attn_kv_a_mqa", Role.W_KV_A, "r_kv + d_rope, d_model")
    together = ("attn_kv_b", Role.W_KV_B, "n_heads*d_kv, r_kv")
    kinds = {
        "split": [queries, *keys],
        "keys of another layer": [queries],
        "latent": [*low, latents, together],
        "latent, factors of heads apart": [*low, latents],
        "latent keys": [queries, latents, together],
        "latent keys, factors of heads apart": [queries, latents],
    }
    rules: list[Rule] = []
    for kind, matrices in kinds.items():
        block = f"attention/{kind}"
        rules += [_rule(leaf, role, shape, block) for leaf, role, shape in matrices]
        rules += _beside(block)
        if "latent" in kind:
            rules += [
                _rule("attn_q_a_norm", Role.GAIN_Q_A, "r_q", block, optional=True),
                _rule("attn_kv_a_norm", Role.GAIN_KV_A, "r_kv", block, optional=True),
            ]
    rules += fused(_names("attn_qkv"), QKV, block="attention/in one")
    rules += _beside("attention/in one")
    # Qwen3-Next: of each head the query, then the gate of its output.
    rules += fused(_names("attn_q"), GATED_Q, block="attention/gated queries")
    rules += [_rule(leaf, role, shape, "attention/gated queries") for leaf, role, shape in keys]
    rules += [r for r in _beside("attention/gated queries") if r.role is not Role.W_GATE_A]
    return rules


def _in_the_place_of_attention() -> list[Rule]:
    """Return linear attention whose projections have names of attention: told by its decay."""
    block = "attention/linear"
    decay = Rule(name=f"{LAYER}ssm_a[.weight]", role=Role.DECAY, shape=ANY, block=block)
    return [
        decay,
        _rule("attn_output ssm_out", Role.M_OUT, _ANY_MATRIX, block),
        *(
            _rule(leaf, Role.M_IN, f"o_{n}, i_{n}", block, optional=n > 0)
            for n, leaf in enumerate(("attn_qkv attn_q", "attn_k", "attn_v", "attn_gate"))
        ),
    ]


def _mlp() -> list[Rule]:
    up, down = "d_mlp, d_model", "d_model, d_mlp"
    rules = [
        _rule("ffn_up", Role.W_U, up, "mlp/gated"),
        _rule("ffn_gate", Role.W_NU, up, "mlp/gated"),
        _rule("ffn_down", Role.W_O_MLP, down, "mlp/gated"),
        _rule("ffn_up channel_mix_key", Role.W_U, up, "mlp/plain"),
        _rule("ffn_down channel_mix_value", Role.W_O_MLP, down, "mlp/plain"),
        *fused(_names("ffn_up"), halves(Role.W_NU, Role.W_U), block="mlp/in one"),
        _rule("ffn_down", Role.W_O_MLP, down, "mlp/in one"),
    ]
    stacked: dict[str, Any] = {"stacked": "expert"}
    for home, width in (("exps", "d_expert"), ("chexps", "d_chunk")):
        up, down = f"n_experts, {width}, d_in", f"n_experts, d_in, {width}"
        block = "experts" if home == "exps" else "experts of chunks"
        roles = (Role.W_U, Role.W_NU, Role.W_O_MLP)
        roles = roles if home == "exps" else (Role.X_IN, Role.X_IN, Role.X_OUT)
        rules += [
            _rule(f"ffn_up_{home}", roles[0], up, f"{block}/apart", **stacked),
            _rule(f"ffn_gate_{home}", roles[1], up, f"{block}/apart", optional=True, **stacked),
            _rule(f"ffn_down_{home}", roles[2], down, f"{block}/apart", **stacked),
        ]
    both = halves(Role.W_NU, Role.W_U, "d_expert")
    rules += fused(_names("ffn_gate_up_exps"), both, block="experts/in one", **stacked)
    down = "n_experts, d_model, d_expert"
    rules.append(_rule("ffn_down_exps", Role.W_O_MLP, down, "experts/in one", **stacked))
    rules += [
        whole(_names(f"ffn_{leaf}{home}"), role, width=width, block=block, optional=leaf == "gate")
        for home, width, block in (
            ("_shexp", "d_shared", "shared/one"),
            (".{expert}", "d_expert", "experts/files of old"),
        )
        for leaf, role in (("up", Role.W_U), ("gate", Role.W_NU), ("down", Role.W_O_MLP))
    ]
    return rules


_TIME = "time_mix_"
_LOW = "w1 decay_w1 decay_w2 a1 a2 v1 v2 g1 g2 r_k"
_SIDE = (
    *_each("ffn_gate_inp", Role.W_ROUTER, "n_experts, any"),
    *_each("ffn_gate_inp_shexp", Role.X_IN, f"{_ANY_MATRIX}|d_gain"),
    *_each("ssm_in ssm_beta ssm_alpha ssm_ba ssm_f_a ssm_g_a shortconv.in_proj", Role.M_IN),
    *_each("ssm_x ssm_dt ssm_f_b ssm_g_b", Role.M_INNER),
    *_each("ssm_out shortconv.out_proj", Role.M_OUT),
    Rule(name=f"{LAYER}ssm_a", role=Role.DECAY, shape=ANY, optional=True),
    *_each("ssm_a", Role.DECAY, ANY),
    *_each(f"{_TIME}key {_TIME}value {_TIME}receptance {_TIME}gate", Role.M_IN),
    *_each(f"{_TIME}decay", Role.DECAY, ANY),
    *_each(f"{_TIME}output", Role.M_OUT),
    *_each(" ".join(_TIME + leaf for leaf in _LOW.split()), Role.M_INNER),
    stack_of(_names(f"{_TIME}w2"), Role.M_INNER),
    *_each("channel_mix_receptance inp_gate laurel_l altup_router", Role.X_IN),
    *_each("indexer.proj indexer.attn_k nextn.eh_proj nextn.shared_head_head", Role.X_IN),
    *_each("vis_attn_qkv vis_gate vis_up ffn_latent_down", Role.X_IN),
    *_each("cross_attn_q cross_attn_k cross_attn_v", Role.X_IN),
    *_each("indexer.attn_q_b altup_correct_coef altup_predict_coef", Role.X_INNER),
    *_each("nextn.embed_tokens attn_rel_b cross_attn_rel_b", Role.X_INNER),
    *_each("proj laurel_r vis_attn_output vis_down ffn_latent_up cross_attn_o", Role.X_OUT),
    *(stack_of(_names(leaf), Role.X_INNER) for leaf in ("attn_k_b", "attn_v_b")),
)
_NORMS = (
    *_each("attn_norm", Role.GAIN_A, "d_gain"),
    *_each("ffn_norm", Role.GAIN_M, "d_gain"),
    # Two names of one norm: a file has one of them, or both and uses the first.
    _rule("post_attention_norm", Role.GAIN_POST_A, "d_gain", "after attention/one"),
    _rule("attn_output_norm", Role.GAIN_POST_A, "d_gain", "after attention/other"),
    _rule("post_ffw_norm", Role.GAIN_POST_M, "d_gain", "after mlp/one"),
    _rule("layer_output_norm", Role.GAIN_POST_M, "d_gain", "after mlp/other"),
)
_OUTSIDE = (
    whole("token_embd.weight", Role.E_INPUT),
    whole("output.weight", Role.E_OUTPUT, optional=True),
    Rule(name="position_embd.weight", role=Role.E_POSITION, shape="n, d_model", optional=True),
    Rule(name="output_norm.weight", role=Role.GAIN_FINAL, shape="d_gain", optional=True),
    *_each("per_layer_model_proj cls cls.output dense_2 dense_3", Role.X_IN, outside=True),
    *_each("per_layer_token_embd token_types", Role.X_INNER, outside=True),
    *(stack_of(f"{name}.weight", Role.X_INNER) for name in ("altup_proj", "altup_unembd_proj")),
)


ARCHITECTURE = Architecture(
    name="gguf_decoder",
    family="GPT",
    title="GGUF of known parts",
    source="github.com/ggml-org/llama.cpp, gguf-py/gguf/constants.py",
    parts=True,
    marks=("token_embd.weight",),
    products=PRODUCTS,
    notes=(
        "read by the names of its parts: they say nothing of what its code does with them",
        "norm gains are as the converter wrote them: of a Gemma it has added the 1",
        "an expert that every token passes (shexp) has no expert number",
    ),
    rules=(
        *_OUTSIDE,
        *_attention(),
        *_in_the_place_of_attention(),
        *_mlp(),
        *_SIDE,
        *_NORMS,
    ),
)
