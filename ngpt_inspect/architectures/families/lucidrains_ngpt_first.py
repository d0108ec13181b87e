"""nGPT-pytorch of lucidrains 0.0.1: no scales of the MLP and of the logits yet."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.families import _lucidrains
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="lucidrains_ngpt_first",
    family="nGPT",
    title="lucidrains nGPT-pytorch 0.0.1",
    source=_lucidrains.SOURCE + ", release 0.0.1",
    ignored=_lucidrains.FREQUENCIES,
    notes=(
        "this release normalises the other axis of every matrix except E_input, and so are they "
        "read: its rows are not unit where the paper's are",
        "all heads share one s_qk; it is given as stored / d_k**0.25, as in the paper, for the "
        "code's softmax has no sqrt(d_k)",
        "alphas keep their sign: the code does not take |alpha|",
        _lucidrains.PARAMETRISED,
    ),
    rules=(
        *_lucidrains.matrices(logits="token_unembed", other_axis=True),
        whole("residual_lerp_scales.{layer}.0", Role.ALPHA_A),
        whole("residual_lerp_scales.{layer}.1", Role.ALPHA_M),
        whole(_lucidrains.ATTENTION + "qk_scale", Role.S_QK, shape="d_k", factor="d_k**-0.25"),
    ),
)
