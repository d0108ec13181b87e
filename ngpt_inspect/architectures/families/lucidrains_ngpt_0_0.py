"""nGPT-pytorch of lucidrains before 0.0.11: plain parameters, used as they are stored."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.families import _lucidrains
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="lucidrains_ngpt_0_0",
    family="nGPT",
    title="lucidrains nGPT-pytorch 0.0",
    source=_lucidrains.SOURCE + ", releases 0.0.2 to 0.0.10",
    ignored=_lucidrains.FREQUENCIES,
    notes=(
        "all heads share one s_qk; it is given as stored / d_k**0.25, as in the paper, for the "
        "code's softmax has no sqrt(d_k)",
        "s_z is given as stored x sqrt(d_model), as the code uses it",
        "alphas keep their sign: the code does not take |alpha|",
        _lucidrains.SQRT_D,
        _lucidrains.PARAMETRISED,
        "read as of 0.0.5 to 0.0.10; releases 0.0.2 to 0.0.4 have the same names but normalised "
        "the other axis of every matrix except E_input",
    ),
    rules=(
        *_lucidrains.matrices(),
        whole("residual_lerp_scales.{layer}.0", Role.ALPHA_A),
        whole("residual_lerp_scales.{layer}.1", Role.ALPHA_M),
        whole(_lucidrains.ATTENTION + "qk_scale", Role.S_QK, shape="d_k", factor="d_k**-0.25"),
        whole(_lucidrains.MLP + "hidden_scale", Role.S_U),
        whole(_lucidrains.MLP + "gate_scale", Role.S_NU),
        whole("logit_scale", Role.S_Z, factor="d_model**0.5"),
    ),
)
