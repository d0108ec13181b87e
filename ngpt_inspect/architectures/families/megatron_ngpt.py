"""nGPT checkpoints exported from Megatron-LM: squared ReLU, no gate."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.families._megatron import (
    CONSTANTS,
    IGNORED,
    MLP,
    NOTES,
    SOURCE,
    TRUNK,
)
from ngpt_inspect.vocabulary import Role


def _mlp(
    prefix: str, block: str, width: str, number: str = "", *, optional: bool = False
) -> tuple[Rule, ...]:
    """Return the rules of one MLP: dense, shared by all tokens, or of each expert."""
    return (
        Rule(
            name=f"{prefix}linear_fc1.weight{number}",
            role=Role.W_U,
            shape=f"{width}, d_model",
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
    name="megatron_ngpt",
    family="nGPT",
    title="Megatron nGPT",
    source=SOURCE,
    hybrid=True,
    ignored=IGNORED,
    constants=CONSTANTS,
    notes=(
        "squared ReLU, no gate: there is no W_nu and no s_nu",
        *NOTES,
    ),
    rules=(
        *TRUNK,
        *_mlp(MLP, "mlp/dense", "d_mlp"),
        *_mlp(MLP + "experts.", "mlp/experts", "d_expert", "{expert}"),
        *_mlp(MLP + "shared_experts.", "mlp/experts", "d_shared", optional=True),
        Rule(name=MLP + "suv", role=Role.S_U, shape="d_mlp", block="mlp/dense"),
        Rule(name=MLP + "experts.suv", role=Role.S_U, shape="d_expert", block="mlp/experts"),
        # One name a role and layer: what scales the shared expert has no row of its own.
    ),
)
