"""The nGPT of this project's reference_model."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Constant, Rule
from ngpt_inspect.architectures.families._reference import ATTENTION, MATRICES, MLP, SOURCE
from ngpt_inspect.vocabulary import Role


def _constant(name: str, paper: str, because: str) -> Constant:
    return Constant(
        name=name, keys=(f"reference_model.config.{name}",), assumed=paper, because=because
    )


ARCHITECTURE = Architecture(
    name="reference_ngpt",
    family="nGPT",
    title="reference nGPT",
    source=SOURCE,
    constants=(
        _constant("alpha_init", "0.05", "the paper's value, section 2.6"),
        _constant("alpha_scale", "d_model**-0.5", "the paper's value, section 2.6"),
        _constant("s_qk_init", "1", "the paper's value, section 2.6"),
        _constant("s_qk_scale", "d_model**-0.5", "the paper's value, section 2.6"),
        _constant("s_u_init", "1", "the paper's value, section 2.6"),
        _constant("s_u_scale", "1", "the paper's value, section 2.6"),
        _constant("s_nu_init", "1", "the paper's value, section 2.6"),
        _constant("s_nu_scale", "1", "the paper's value, section 2.6"),
        _constant("s_z_init", "1", "the paper's value, section 2.6"),
        _constant("s_z_scale", "d_model**-0.5", "the paper's value, section 2.6"),
    ),
    rules=(
        *MATRICES,
        Rule(
            name="layers.{layer}.alpha_A",
            role=Role.ALPHA_A,
            shape="d_model|1",
            factor="alpha_init / alpha_scale",
            absolute=True,
        ),
        Rule(
            name="layers.{layer}.alpha_M",
            role=Role.ALPHA_M,
            shape="d_model|1",
            factor="alpha_init / alpha_scale",
            absolute=True,
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
