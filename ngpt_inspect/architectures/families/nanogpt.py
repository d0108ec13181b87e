"""karpathy/nanoGPT, and the small variants of it that rename the norms."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, Rule, layer_biases
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
        Rule(name="transformer.wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(
            name="transformer.wpe.weight",
            role=Role.E_POSITION,
            shape="context, d_model",
            optional=True,
        ),
        *fused(_LAYER + "attn.c_attn.weight", THIRDS),
        Rule(name=_LAYER + "attn.c_proj.weight", role=Role.W_O, shape="d_model, d_model"),
        Rule(name=_LAYER + "mlp.c_fc.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.c_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(
            name=_LAYER + "ln_1.weight|" + _LAYER + "ln_1.gamma",
            role=Role.GAIN_A,
            shape="d_model",
            optional=True,
        ),
        Rule(
            name=_LAYER + "ln_2.weight|" + _LAYER + "ln_2.gamma",
            role=Role.GAIN_M,
            shape="d_model",
            optional=True,
        ),
        Rule(
            name="transformer.ln_f.weight|transformer.ln_f.gamma",
            role=Role.GAIN_FINAL,
            shape="d_model",
            optional=True,
        ),
    ),
)
