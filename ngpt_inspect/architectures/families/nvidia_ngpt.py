"""nGPT checkpoints of NVIDIA/ngpt and its forks with the same names."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head
from ngpt_inspect.architectures.families import _nvidia
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="nvidia_ngpt",
    family="nGPT",
    title="NVIDIA/ngpt nGPT",
    source=_nvidia.SOURCE,
    ignored=_nvidia.BIASES,
    constants=_nvidia.CONSTANTS,
    notes=_nvidia.NOTES,
    rules=(
        *_nvidia.MATRICES,
        *_nvidia.ALPHAS,
        by_head(_nvidia.ATTENTION + "sqk", Role.S_QK, factor="s_qk_init / base_scale"),
        *_nvidia.SCALES,
    ),
)
