"""Baseline GPT checkpoints of NVIDIA/ngpt (use_nGPT=0)."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
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
        Rule(name=LAYER + "rmsnorm_att.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=LAYER + "rmsnorm_mlp.weight", role=Role.GAIN_M, shape="d_model"),
        Rule(name="[transformer.]rmsnorm_f.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
