"""nGPT checkpoints of evintunador/nGPT, and of nGPT-MoScales where alphas are static."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    ROTARY,
    Architecture,
    Rule,
    unrecorded,
    whole,
)
from ngpt_inspect.vocabulary import Role

_SCALE = "d_model**-0.5"
_MIXED = "a mixture of scales: its alphas depend on the input, so they have no value of their own"


def _layer(name: str) -> str:
    return f"layers.{{layer}}.{name}|blocks.{{layer}}.{name}"


def _vector(name: str, role: Role, factor: str = "1") -> Rule:
    size = role.facts.shape
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
    constants=unrecorded(
        "written into model.py",
        alpha_init="0.05",
        alpha_scale=_SCALE,
        s_qk_init="1",
        s_qk_scale=_SCALE,
        s_z_init="1",
        s_z_scale=_SCALE,
    ),
    notes=(
        "the code normalises the first axis of length d_model: columns of square W_q, W_k and "
        "W_v, where the paper has rows",
        "s_nu is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        whole("token_embedder.weight|embed.weight", Role.E_INPUT),
        whole("output.weight|lm_head.weight", Role.E_OUTPUT),
        whole(_layer("attn.Wq.weight"), Role.W_Q),
        Rule(name=_layer("attn.Wk.weight"), role=Role.W_K, shape="n_heads*d_k, d_model"),
        Rule(name=_layer("attn.Wv.weight"), role=Role.W_V, shape="n_heads*d_k, d_model"),
        whole(_layer("attn.Wo.weight"), Role.W_O),
        whole(_layer("mlp.Wup.weight"), Role.W_U),
        whole(_layer("mlp.Wgate.weight"), Role.W_NU),
        whole(_layer("mlp.Wdown.weight"), Role.W_O_MLP),
        _vector(_layer("alpha_A.s"), Role.ALPHA_A, "alpha_init / alpha_scale"),
        _vector(_layer("alpha_M.s"), Role.ALPHA_M, "alpha_init / alpha_scale"),
        whole(_layer("attn.s_qk.s"), Role.S_QK, factor="s_qk_init / s_qk_scale"),
        _vector(_layer("mlp.s_u.s"), Role.S_U),
        _vector(_layer("mlp.s_v.s"), Role.S_NU),
        _vector("s_z.s", Role.S_Z, "s_z_init / s_z_scale"),
    ),
)
