"""Baseline GPT checkpoints of NVIDIA/ngpt (use_nGPT=0)."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.families._nvidia import BIASES, LAYER, MATRICES, SOURCE
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="nvidia_gpt",
    family="GPT",
    title="NVIDIA/ngpt GPT",
    source=SOURCE,
    ignored=BIASES,
    notes=(
        "before 2024-11-18 the code added attention to the normed hidden state "
        "(NVIDIA/ngpt issue 1): older checkpoints follow other maths",
    ),
    rules=(
        *MATRICES,
        whole(LAYER + "rmsnorm_att.weight", Role.GAIN_A),
        whole(LAYER + "rmsnorm_mlp.weight", Role.GAIN_M),
        whole("[transformer.]rmsnorm_f.weight", Role.GAIN_FINAL),
    ),
)
