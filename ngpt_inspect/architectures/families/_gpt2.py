"""What GPT-2 and its kin in transformers share: names outside the fused matrices, masks, norms."""

from ngpt_inspect.architectures.engine.architecture import BIAS, layer_biases, whole
from ngpt_inspect.vocabulary import Role

LAYER = "[transformer.]h.{layer}."
BIASES = {
    **layer_biases(LAYER, "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "ln_1", "ln_2"),
    "[transformer.]ln_f.bias": BIAS,
}
MASKS = {
    LAYER + "attn.bias": "the causal mask",
    LAYER + "attn.masked_bias": "what masked scores become",
}
EMBEDDINGS = (
    whole("[transformer.]wte.weight", Role.E_INPUT),
    whole("lm_head.weight", Role.E_OUTPUT, optional=True),
    whole("[transformer.]wpe.weight", Role.E_POSITION),
)
GAINS = (
    whole(LAYER + "ln_1.weight", Role.GAIN_A),
    whole(LAYER + "ln_2.weight", Role.GAIN_M),
    whole("[transformer.]ln_f.weight", Role.GAIN_FINAL),
)
