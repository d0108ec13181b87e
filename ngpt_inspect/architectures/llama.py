"""Llama, Mistral, Qwen2 and whatever else has their names and their pre-norm blocks."""

from ngpt_inspect.architectures._architecture import BIAS, Architecture, Rule
from ngpt_inspect.vocabulary import Role

_LAYER = "[model.]layers.{layer}."
_ATTENTION = _LAYER + "self_attn."

ARCHITECTURE = Architecture(
    name="llama",
    family="GPT",
    title="Llama-like",
    source="transformers, models/llama/modeling_llama.py",
    ignored={
        _ATTENTION + "q_proj.bias": BIAS,
        _ATTENTION + "k_proj.bias": BIAS,
        _ATTENTION + "v_proj.bias": BIAS,
        _ATTENTION + "o_proj.bias": BIAS,
    },
    buffers={_ATTENTION + "rotary_emb.inv_freq": "rotary frequencies"},
    excludes={
        _LAYER + "pre_feedforward_layernorm.weight": "Gemma 2 and later",
        _LAYER + "attn_alpha": "an nGPT with Llama's names",
    },
    rules=(
        Rule(name="[model.]embed_tokens.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(name=_ATTENTION + "q_proj.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "k_proj.weight", role=Role.W_K, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "v_proj.weight", role=Role.W_V, shape="n_kv_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "o_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_LAYER + "mlp.up_proj.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.gate_proj.weight", role=Role.W_NU, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.down_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(name=_LAYER + "input_layernorm.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=_LAYER + "post_attention_layernorm.weight", role=Role.GAIN_M, shape="d_model"),
        Rule(name="[model.]norm.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
