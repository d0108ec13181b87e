"""nGPT checkpoints exported from Megatron-LM with a gated MLP: the gate's rows come first."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.engine.cuts import fused, halves
from ngpt_inspect.architectures.families._megatron import (
    CONSTANTS,
    IGNORED,
    MLP,
    NOTES,
    SOURCE,
    TRUNK,
)
from ngpt_inspect.vocabulary import Role


def _scales(name: str, width: str, block: str) -> tuple[Rule, ...]:
    return fused(MLP + name, halves(Role.S_NU, Role.S_U, width), shape=f"2*{width}", block=block)


def _mlp(
    prefix: str, block: str, width: str, number: str = "", *, optional: bool = False
) -> tuple[Rule, ...]:
    """Return the rules of one MLP: dense, shared by all tokens, or of each expert."""
    return (
        *fused(
            f"{prefix}linear_fc1.weight{number}",
            halves(Role.W_NU, Role.W_U, width),
            block=block,
            optional=optional,
        ),
        Rule(
            name=f"{prefix}linear_fc2.weight{number}",
            role=Role.W_O_MLP,
            shape=f"d_model, {width}",
            block=block,
            optional=optional,
        ),
    )


ARCHITECTURE = Architecture(
    name="megatron_ngpt_gated",
    family="nGPT",
    title="Megatron nGPT (gated)",
    source=SOURCE,
    hybrid=True,
    ignored=IGNORED,
    constants=CONSTANTS,
    notes=(*NOTES,),
    rules=(
        *TRUNK,
        *_mlp(MLP, "mlp/dense", "d_mlp"),
        *_mlp(MLP + "experts.", "mlp/experts", "d_expert", "{expert}"),
        *_mlp(MLP + "shared_experts.", "mlp/experts", "d_shared", optional=True),
        *_scales("suv", "d_mlp", "mlp/dense"),
        *_scales("experts.suv", "d_expert", "mlp/experts"),
    ),
)
