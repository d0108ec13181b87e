"""nGPT checkpoints exported from Megatron-LM: squared ReLU, no gate."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.families._megatron import (
    CONSTANTS,
    IGNORED,
    MLP,
    NOTES,
    SOURCE,
    TRUNK,
    mlps,
)
from ngpt_inspect.vocabulary import Role

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
        *mlps(gated=False),
        whole(MLP + "suv", Role.S_U, block="mlp/dense"),
        whole(MLP + "experts.suv", Role.S_U, width="d_expert", block="mlp/experts"),
        # One name a role and layer: what scales the shared expert has no row of its own.
    ),
)
