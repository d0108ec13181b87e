"""nGPT checkpoints of JoeLi12345/nGPT (Nous Research): GPT-2's skeleton, Conv1D."""

from ngpt_inspect.architectures.engine.architecture import (
    Architecture,
    Constant,
    by_head,
    layer_biases,
    unrecorded,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import THIRDS, fused, halves
from ngpt_inspect.architectures.families._gpt2 import LAYER, MASKS
from ngpt_inspect.vocabulary import Role

_WRITTEN = "written into modeling_ngpt.py"

ARCHITECTURE = Architecture(
    name="nous_ngpt",
    family="nGPT",
    title="Nous nGPT",
    source="github.com/JoeLi12345/nGPT, modeling_ngpt.py",
    ignored={
        **layer_biases(LAYER, "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
        "lm_head.weight": "not used: the forward pass reads lm_head_2",
    },
    buffers=MASKS,
    constants=(
        Constant(
            name="base_scale",
            keys=("base_scale",),
            assumed="d_model**-0.5",
            because="what the training code sets",
        ),
        *unrecorded(_WRITTEN, alpha_init="0.05", s_qk_init="1", s_z_init="1"),
    ),
    notes=(
        "the training code does not normalise lm_head_2, the output embedding in use",
        "learned positions are added to the input embeddings, besides the rotary ones",
        "s_nu is given without the sqrt(d_model) the code adds",
    ),
    rules=(
        whole("[transformer.]wte.weight", Role.E_INPUT),
        whole("lm_head_2.weight", Role.E_OUTPUT),
        whole("[transformer.]wpe.weight", Role.E_POSITION, optional=True),
        *fused(LAYER + "attn.c_attn.weight", THIRDS, transposed=True),
        whole(LAYER + "attn.c_proj.weight", Role.W_O, shape="d_model, d_model", transposed=True),
        *fused(LAYER + "mlp.c_fc.weight", halves(Role.W_U, Role.W_NU), transposed=True),
        whole(LAYER + "mlp.c_proj.weight", Role.W_O_MLP, transposed=True),
        whole(LAYER + "attn_alpha", Role.ALPHA_A, factor="alpha_init / base_scale", absolute=True),
        whole(LAYER + "mlp_alpha", Role.ALPHA_M, factor="alpha_init / base_scale", absolute=True),
        by_head(LAYER + "attn.sqk", Role.S_QK, factor="s_qk_init / base_scale"),
        whole(LAYER + "mlp.su", Role.S_U),
        whole(LAYER + "mlp.sv", Role.S_NU),
        whole("sz", Role.S_Z, factor="s_z_init / base_scale"),
    ),
)
