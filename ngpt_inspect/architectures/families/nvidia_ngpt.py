"""nGPT checkpoints of NVIDIA/ngpt and its forks with the same names."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head
from ngpt_inspect.architectures.families._nvidia import (
    ALPHAS,
    ATTENTION,
    BIASES,
    CONSTANTS,
    MATRICES,
    NOTES,
    SCALES,
    SOURCE,
)
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="nvidia_ngpt",
    family="nGPT",
    title="NVIDIA/ngpt nGPT",
    source=SOURCE,
    ignored=BIASES,
    constants=CONSTANTS,
    notes=NOTES,
    rules=(
        *MATRICES,
        *ALPHAS,
        by_head(ATTENTION + "sqk", Role.S_QK, factor="s_qk_init / base_scale"),
        *SCALES,
    ),
)
