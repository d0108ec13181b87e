"""nGPT-pytorch of lucidrains since 0.2.0: one qk_scale, on the queries alone."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head
from ngpt_inspect.architectures.families import _lucidrains
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="lucidrains_ngpt",
    family="nGPT",
    title="lucidrains nGPT-pytorch",
    source=_lucidrains.SOURCE,
    ignored=_lucidrains.FREQUENCIES,
    constants=_lucidrains.constants(s_qk_scale="1/d_model"),
    notes=(
        "qk_scale multiplies the queries alone, hence s_q: the logit of unit queries and keys is "
        "multiplied by s_q, the paper's by s_qk squared",
        "alphas keep their sign: the code does not take |alpha|",
        _lucidrains.SQRT_D,
        _lucidrains.PARAMETRISED,
        _lucidrains.HYPERSPHERES,
    ),
    rules=(
        *_lucidrains.matrices(),
        *_lucidrains.SCALES,
        by_head(_lucidrains.ATTENTION + "qk_scale.scale", Role.S_Q, factor=_lucidrains.S_QK),
    ),
)
