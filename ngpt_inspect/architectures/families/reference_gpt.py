"""The GPT of this project's reference_model."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.families._reference import MATRICES, SOURCE
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="reference_gpt",
    family="GPT",
    title="reference GPT",
    source=SOURCE,
    rules=(
        *MATRICES,
        Rule(name="layers.{layer}.norm_A.gain", role=Role.GAIN_A, shape="d_model"),
        Rule(name="layers.{layer}.norm_M.gain", role=Role.GAIN_M, shape="d_model"),
        Rule(name="norm_final.gain", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
