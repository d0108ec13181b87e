"""nGPT checkpoints exported from Megatron-LM with a gated MLP: the gate's rows come first."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.engine.cuts import fused, halves
from ngpt_inspect.architectures.families import _megatron
from ngpt_inspect.vocabulary import Role


def _scales(name: str, width: str, block: str) -> tuple[Rule, ...]:
    return fused(
        _megatron.MLP + name, halves(Role.S_NU, Role.S_U, width), shape=f"2*{width}", block=block
    )


ARCHITECTURE = Architecture(
    name="megatron_ngpt_gated",
    family="nGPT",
    title="Megatron nGPT (gated)",
    source=_megatron.SOURCE,
    hybrid=True,
    ignored=_megatron.IGNORED,
    constants=_megatron.CONSTANTS,
    notes=_megatron.NOTES,
    rules=(
        *_megatron.TRUNK,
        *_megatron.mlps(gated=True),
        *_scales("suv", "d_mlp", "mlp/dense"),
        *_scales("experts.suv", "d_expert", "mlp/experts"),
    ),
)
