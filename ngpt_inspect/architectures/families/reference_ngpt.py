"""The nGPT of this project's reference_model."""

from typing import Any

from ngpt_inspect.architectures.engine.architecture import Architecture, Constant, Rule, whole
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


def _learned(name: str, role: Role, constant: str, **more: Any) -> Rule:
    """Return the rule of a learned vector, or of a single number in its place."""
    factor = f"{constant}_init / {constant}_scale"
    return whole(name, role, shape=f"{role.facts.shape}|1", factor=factor, **more)


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
        _learned("layers.{layer}.alpha_A", Role.ALPHA_A, "alpha", absolute=True),
        _learned("layers.{layer}.alpha_M", Role.ALPHA_M, "alpha", absolute=True),
        _learned(ATTENTION + "s_qk", Role.S_QK, "s_qk", optional=True),
        _learned(MLP + "s_u", Role.S_U, "s_u"),
        _learned(MLP + "s_nu", Role.S_NU, "s_nu"),
        _learned("s_z", Role.S_Z, "s_z"),
    ),
)
