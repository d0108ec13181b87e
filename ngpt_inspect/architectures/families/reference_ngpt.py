"""The nGPT of this project's reference_model."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Constant, Rule
from ngpt_inspect.architectures.families._reference import ATTENTION, MATRICES, MLP, SOURCE
from ngpt_inspect.vocabulary import Role

_PAPER = {
    "alpha_init": "0.05",
    "alpha_scale": "d_model**-0.5",
    "s_qk_init": "1",
    "s_qk_scale": "d_model**-0.5",
    "s_u_init": "1",
    "s_u_scale": "1",
    "s_nu_init": "1",
    "s_nu_scale": "1",
    "s_z_init": "1",
    "s_z_scale": "d_model**-0.5",
}

ARCHITECTURE = Architecture(
    name="reference_ngpt",
    family="nGPT",
    title="reference nGPT",
    source=SOURCE,
    constants=tuple(
        Constant(
            name=name,
            keys=(f"reference_model.config.{name}",),
            assumed=value,
            because="the paper's value, section 2.6",
        )
        for name, value in _PAPER.items()
    ),
    rules=(
        *MATRICES,
        *(
            Rule(
                name=f"layers.{{layer}}.{role}",
                role=role,
                shape="d_model|1",
                factor="alpha_init / alpha_scale",
                absolute=True,
            )
            for role in (Role.ALPHA_A, Role.ALPHA_M)
        ),
        Rule(
            name=ATTENTION + "s_qk",
            role=Role.S_QK,
            shape="n_heads, d_k|1",
            factor="s_qk_init / s_qk_scale",
            optional=True,
        ),
        Rule(name=MLP + "s_u", role=Role.S_U, shape="d_mlp|1", factor="s_u_init / s_u_scale"),
        Rule(name=MLP + "s_nu", role=Role.S_NU, shape="d_mlp|1", factor="s_nu_init / s_nu_scale"),
        Rule(name="s_z", role=Role.S_Z, shape="vocab_size|1", factor="s_z_init / s_z_scale"),
    ),
)
