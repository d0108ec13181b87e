"""The GPT of this project's reference_model."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.families._reference import MATRICES, SOURCE
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="reference_gpt",
    family="GPT",
    title="reference GPT",
    source=SOURCE,
    rules=(
        *MATRICES,
        whole("layers.{layer}.norm_A.gain", Role.GAIN_A),
        whole("layers.{layer}.norm_M.gain", Role.GAIN_M),
        whole("norm_final.gain", Role.GAIN_FINAL),
    ),
)
