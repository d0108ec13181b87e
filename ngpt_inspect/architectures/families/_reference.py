"""What the reference GPT and nGPT share: their matrices have the same names."""

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.vocabulary import Role

ATTENTION = "layers.{layer}.attention."
MLP = "layers.{layer}.mlp."
SOURCE = "reference_model/model.py of this project"

MATRICES = (
    Rule(name="E_input.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
    Rule(name="E_output.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
    Rule(name=ATTENTION + "W_q.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
    Rule(name=ATTENTION + "W_k.weight", role=Role.W_K, shape="n_heads*d_k, d_model"),
    Rule(name=ATTENTION + "W_v.weight", role=Role.W_V, shape="n_heads*d_k, d_model"),
    Rule(name=ATTENTION + "W_o.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
    Rule(name=MLP + "W_u.weight", role=Role.W_U, shape="d_mlp, d_model"),
    Rule(name=MLP + "W_nu.weight", role=Role.W_NU, shape="d_mlp, d_model"),
    Rule(name=MLP + "W_oMLP.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
)
