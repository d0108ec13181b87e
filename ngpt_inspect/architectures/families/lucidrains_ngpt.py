"""nGPT-pytorch of lucidrains since 0.2.0: one qk_scale, on the queries alone."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.families._lucidrains import (
    ATTENTION,
    FREQUENCIES,
    HYPERSPHERES,
    PARAMETRISED,
    SCALES,
    SOURCE,
    SQRT_D,
    constants,
    matrices,
    scale,
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
        scale(ATTENTION + "qk_scale.scale", Role.S_Q, "n_heads*d_k", "s_qk", "n_heads, d_k"),
    ),
)
