"""The fork of NVIDIA/ngpt with grouped queries: keys are scaled by a vector of their own."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head
from ngpt_inspect.architectures.families import _nvidia
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="ngpt_plus",
    family="nGPT",
    title="ngpt_plus",
    source="github.com/Permafacture/ngpt_plus, model.py",
    ignored=_nvidia.BIASES,
    constants=_nvidia.CONSTANTS,
    notes=(*_nvidia.NOTES, "the logit of unit queries and keys is multiplied by s_q s_k"),
    rules=(
        *_nvidia.MATRICES,
        *_nvidia.ALPHAS,
        by_head(_nvidia.ATTENTION + "sqk_q", Role.S_Q, factor="s_qk_init / base_scale"),
        by_head(_nvidia.ATTENTION + "sqk_k", Role.S_K, factor="s_qk_init / base_scale"),
        *_nvidia.SCALES,
    ),
)
