"""The fork of NVIDIA/ngpt with grouped queries: keys are scaled by a vector of their own."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.families._nvidia import (
    ALPHAS,
    ATTENTION,
    BIASES,
    CONSTANTS,
    MATRICES,
    NOTES,
    SCALES,
)
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="ngpt_plus",
    family="nGPT",
    title="ngpt_plus",
    source="github.com/Permafacture/ngpt_plus, model.py",
    ignored=BIASES,
    constants=CONSTANTS,
    notes=(*NOTES, "the logit of unit queries and keys is multiplied by s_q s_k"),
    rules=(
        *MATRICES,
        *ALPHAS,
        Rule(
            name=ATTENTION + "sqk_q",
            role=Role.S_Q,
            shape="n_heads*d_k",
            view="n_heads, d_k",
            factor="s_qk_init / base_scale",
        ),
        Rule(
            name=ATTENTION + "sqk_k",
            role=Role.S_K,
            shape="n_kv_heads*d_k",
            view="n_kv_heads, d_k",
            factor="s_qk_init / base_scale",
        ),
        *SCALES,
    ),
)
