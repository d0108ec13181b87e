"""nGPT-pytorch of lucidrains since 0.2.0: one qk_scale, on the queries alone."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head
from ngpt_inspect.architectures.families._lucidrains import (
    ATTENTION,
    FREQUENCIES,
    HYPERSPHERES,
    PARAMETRISED,
    S_QK,
    SCALES,
    SOURCE,
    SQRT_D,
    constants,
    matrices,
)
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="lucidrains_ngpt",
    family="nGPT",
    title="lucidrains nGPT-pytorch",
    source=SOURCE,
    ignored=FREQUENCIES,
    constants=constants(s_qk_scale="1/d_model"),
    notes=(
        "qk_scale multiplies the queries alone, hence s_q: the logit of unit queries and keys is "
        "multiplied by s_q, the paper's by s_qk squared",
        "alphas keep their sign: the code does not take |alpha|",
        SQRT_D,
        PARAMETRISED,
        HYPERSPHERES,
    ),
    rules=(
        *matrices(),
        *SCALES,
        by_head(ATTENTION + "qk_scale.scale", Role.S_Q, factor=S_QK),
    ),
)
