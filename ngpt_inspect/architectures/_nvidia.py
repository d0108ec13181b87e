"""What NVIDIA/ngpt's two modes share: their matrices have the same names."""

from ngpt_inspect.architectures._architecture import BIAS, Rule
from ngpt_inspect.vocabulary import Role

LAYER = "transformer.h.{layer}."
SOURCE = "github.com/NVIDIA/ngpt, model.py"

MATRICES = (
    Rule(name="transformer.wte.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
    Rule(name="lm_head.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
    Rule(name=LAYER + "query.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
    Rule(name=LAYER + "key.weight", role=Role.W_K, shape="n_heads*d_k, d_model"),
    Rule(name=LAYER + "value.weight", role=Role.W_V, shape="n_heads*d_k, d_model"),
    Rule(name=LAYER + "att_c_proj.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
    # c_fc stacks u and the gate nu: out = u * silu(nu).
    Rule(name=LAYER + "c_fc.weight", role=Role.W_U, shape="2*d_mlp, d_model", rows=("0", "d_mlp")),
    Rule(
        name=LAYER + "c_fc.weight",
        role=Role.W_NU,
        shape="2*d_mlp, d_model",
        rows=("d_mlp", "2*d_mlp"),
    ),
    Rule(name=LAYER + "mlp_c_proj.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
)

BIASES = {
    LAYER + f"{name}.bias": BIAS
    for name in ("query", "key", "value", "att_c_proj", "c_fc", "mlp_c_proj")
}
