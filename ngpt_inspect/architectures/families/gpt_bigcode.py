"""GPT-BigCode (StarCoder, SantaCoder): nanoGPT's names, keys and values of one or of each head."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, Rule, layer_biases
from ngpt_inspect.architectures.engine.cuts import QKV_BY_GROUP, fused
from ngpt_inspect.vocabulary import Role

_LAYER = "[transformer.]h.{layer}."

ARCHITECTURE = Architecture(
    name="gpt_bigcode",
    family="GPT",
    title="GPT-BigCode",
    source="transformers, models/gpt_bigcode/modeling_gpt_bigcode.py",
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
    # Only the config tells it from nanoGPT where each head has keys of its own.
    requires={"model_type": ("gpt_bigcode",)},
    notes=("GELU, no gate: there is no W_nu",),
    rules=(
        Rule(name="[transformer.]wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model", optional=True),
        Rule(name="[transformer.]wpe.weight", role=Role.E_POSITION, shape="context, d_model"),
        # One group, or one a head: rows say which.
        *fused(_LAYER + "attn.c_attn.weight", QKV_BY_GROUP),
        Rule(name=_LAYER + "attn.c_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_LAYER + "mlp.c_fc.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_LAYER + "mlp.c_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(name=_LAYER + "ln_1.weight", role=Role.GAIN_A, shape="d_model"),
        Rule(name=_LAYER + "ln_2.weight", role=Role.GAIN_M, shape="d_model"),
        Rule(name="[transformer.]ln_f.weight", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
