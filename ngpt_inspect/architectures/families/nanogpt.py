"""karpathy/nanoGPT, and the small variants of it that rename the norms."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, layer_biases, whole
from ngpt_inspect.architectures.engine.cuts import THIRDS, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "transformer.h.{layer}."

ARCHITECTURE = Architecture(
    name="nanogpt",
    family="GPT",
    title="nanoGPT",
    source="github.com/karpathy/nanoGPT, model.py",
    notes=("GELU, no gate: there is no W_nu",),
    ignored={
        **layer_biases(
            _LAYER, "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "ln_1", "ln_2"
        ),
        _LAYER + "ln_1.beta": BIAS,
        _LAYER + "ln_2.beta": BIAS,
        "transformer.ln_f.bias": BIAS,
        "transformer.ln_f.beta": BIAS,
        "lm_head.bias": BIAS,
    },
    buffers={_LAYER + "attn.bias": "the causal mask"},
    # With as many keys as queries it has the same names and shapes, cut head by head.
    forbids={"model_type": ("gpt_bigcode",)},
    rules=(
        whole("transformer.wte.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT, optional=True),
        whole("transformer.wpe.weight", Role.E_POSITION, optional=True),
        *fused(_LAYER + "attn.c_attn.weight", THIRDS),
        whole(_LAYER + "attn.c_proj.weight", Role.W_O, shape="d_model, d_model"),
        whole(_LAYER + "mlp.c_fc.weight", Role.W_U),
        whole(_LAYER + "mlp.c_proj.weight", Role.W_O_MLP),
        whole(_LAYER + "ln_1.weight|" + _LAYER + "ln_1.gamma", Role.GAIN_A, optional=True),
        whole(_LAYER + "ln_2.weight|" + _LAYER + "ln_2.gamma", Role.GAIN_M, optional=True),
        whole("transformer.ln_f.weight|transformer.ln_f.gamma", Role.GAIN_FINAL, optional=True),
    ),
)
