"""GPT-2 of Hugging Face transformers: nanoGPT's names, transposed (Conv1D)."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, Rule, layer_biases
from ngpt_inspect.architectures.engine.cuts import THIRDS, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "[transformer.]h.{layer}."

ARCHITECTURE = Architecture(
    name="gpt2",
    family="GPT",
    title="GPT-2",
    source="transformers, models/gpt2/modeling_gpt2.py",
    notes=("GELU, no gate: there is no W_nu",),
    ignored={
        **layer_biases(
            _LAYER, "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "ln_1", "ln_2"
        ),
        "[transformer.]ln_f.bias": BIAS,
    },
    buffers={
        _LAYER + "attn.bias": "the causal mask",
        _LAYER + "attn.masked_bias": "what masked scores become",
    },
    rules=(
        Rule(name="[transformer.]wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(name="[transformer.]wpe.weight", role=Role.E_POSITION, shape="context, d_model"),
        *fused(_LAYER + "attn.c_attn.weight", THIRDS, transposed=True),
        Rule(
            name=_LAYER + "attn.c_proj.weight",
            role=Role.W_O,
            shape="d_model, d_model",
            transposed=True,
        ),
        Rule(
            name=_LAYER + "mlp.c_fc.weight",
            role=Role.W_U,
            shape="d_model, d_mlp",
            transposed=True,
        ),
        Rule(
            name=_LAYER + "mlp.c_proj.weight",
            role=Role.W_O_MLP,
            shape="d_mlp, d_model",
            transposed=True,
        ),
        Rule(name=_LAYER + "ln_1.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=_LAYER + "ln_2.weight", role=Role.GAIN_M, shape="d_model"),
        Rule(name="[transformer.]ln_f.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
