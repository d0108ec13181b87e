"""nGPT checkpoints exported from Megatron-LM: squared ReLU, no gate."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.families import _megatron
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="megatron_ngpt",
    family="nGPT",
    title="Megatron nGPT",
    source=_megatron.SOURCE,
    hybrid=True,
    ignored=_megatron.IGNORED,
    constants=_megatron.CONSTANTS,
    notes=(
        "squared ReLU, no gate: there is no W_nu and no s_nu",
        *_megatron.NOTES,
    ),
    rules=(
        *_megatron.TRUNK,
        *_megatron.mlps(gated=False),
        whole(_megatron.MLP + "suv", Role.S_U, block="mlp/dense"),
        whole(_megatron.MLP + "experts.suv", Role.S_U, width="d_expert", block="mlp/experts"),
        # One name a role and layer: what scales the shared expert has no row of its own.
    ),
)
