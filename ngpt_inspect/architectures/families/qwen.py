"""Qwen, first generation: GPT-2's names stored (out, in), and the gate is the second of its MLP."""

from ngpt_inspect.architectures.engine.architecture import (
    ROTARY,
    Architecture,
    layer_biases,
    whole,
)
from ngpt_inspect.architectures.engine.cuts import THIRDS, fused
from ngpt_inspect.architectures.families._gpt2 import EMBEDDINGS, GAINS, LAYER
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="qwen",
    family="GPT",
    title="Qwen, first generation",
    source="huggingface.co/Qwen/Qwen-7B, modeling_qwen.py",
    ignored=layer_biases(LAYER, "attn.c_attn", "attn.c_proj", "mlp.w1", "mlp.w2", "mlp.c_proj"),
    buffers={"[transformer.]rotary_emb.inv_freq": ROTARY},
    rules=(
        *(rule for rule in EMBEDDINGS if rule.role is not Role.E_POSITION),
        *fused(LAYER + "attn.c_attn.weight", THIRDS),
        whole(LAYER + "attn.c_proj.weight", Role.W_O, shape="d_model, d_model"),
        # a1 * silu(a2)
        whole(LAYER + "mlp.w1.weight", Role.W_U),
        whole(LAYER + "mlp.w2.weight", Role.W_NU),
        whole(LAYER + "mlp.c_proj.weight", Role.W_O_MLP),
        *GAINS,
    ),
)
