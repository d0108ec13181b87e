"""nGPT checkpoints of evintunador/nGPT, and of nGPT-MoScales where alphas are static."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    ROTARY,
    Architecture,
    Constant,
    Rule,
)
from ngpt_inspect.vocabulary import Role

_WRITTEN = "written into model.py"
_SCALE = "d_model**-0.5"
_MIXED = "a mixture of scales: its alphas depend on the input, so they have no value of their own"


def _layer(name: str) -> str:
    return f"layers.{{layer}}.{name}|blocks.{{layer}}.{name}"


def _vector(name: str, role: Role, size: str, factor: str = "1") -> Rule:
    return Rule(
        name=name,
        role=role,
        shape=f"1, {size}|{size}",
        view=size,
        factor=factor,
        absolute=role in (Role.ALPHA_A, Role.ALPHA_M),
    )


ARCHITECTURE = Architecture(
    name="evintunador_ngpt",
    family="nGPT",
    title="evintunador nGPT",
    source="github.com/evintunador/nGPT, model.py; nGPT-MoScales, train_ngpt.py",
    ignored={"lm_head.bias|output.bias": BIAS},
    buffers={"precompute_freqs.inv_freq": ROTARY},
    excludes={"[model.]MoS_A.s": _MIXED, "blocks.{layer}.MoS_A.s": _MIXED},
    constants=(
        Constant(name="alpha_init", assumed="0.05", because=_WRITTEN),
        Constant(name="alpha_scale", assumed=_SCALE, because=_WRITTEN),
        Constant(name="s_qk_init", assumed="1", because=_WRITTEN),
        Constant(name="s_qk_scale", assumed=_SCALE, because=_WRITTEN),
        Constant(name="s_z_init", assumed="1", because=_WRITTEN),
        Constant(name="s_z_scale", assumed=_SCALE, because=_WRITTEN),
    ),
    notes=(
        "the code normalises the first axis of length d_model: columns of square W_q, W_k and "
        "W_v, where the paper has rows",
        "s_nu is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        Rule(
            name="token_embedder.weight|embed.weight",
            role=Role.E_INPUT,
            shape="vocab_size, d_model",
        ),
        Rule(name="output.weight|lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
        Rule(name=_layer("attn.Wq.weight"), role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(name=_layer("attn.Wk.weight"), role=Role.W_K, shape="n_heads*d_k, d_model"),
        Rule(name=_layer("attn.Wv.weight"), role=Role.W_V, shape="n_heads*d_k, d_model"),
        Rule(name=_layer("attn.Wo.weight"), role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_layer("mlp.Wup.weight"), role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_layer("mlp.Wgate.weight"), role=Role.W_NU, shape="d_mlp, d_model"),
        Rule(name=_layer("mlp.Wdown.weight"), role=Role.W_O_MLP, shape="d_model, d_mlp"),
        _vector(_layer("alpha_A.s"), Role.ALPHA_A, "d_model", "alpha_init / alpha_scale"),
        _vector(_layer("alpha_M.s"), Role.ALPHA_M, "d_model", "alpha_init / alpha_scale"),
        Rule(
            name=_layer("attn.s_qk.s"),
            role=Role.S_QK,
            shape="n_heads, d_k",
            factor="s_qk_init / s_qk_scale",
        ),
        _vector(_layer("mlp.s_u.s"), Role.S_U, "d_mlp"),
        _vector(_layer("mlp.s_v.s"), Role.S_NU, "d_mlp"),
        _vector("s_z.s", Role.S_Z, "vocab_size", "s_z_init / s_z_scale"),
    ),
)
