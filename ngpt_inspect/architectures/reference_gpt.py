"""The GPT of this project's reference_model."""

from ngpt_inspect.architectures._architecture import Architecture, Rule
from ngpt_inspect.vocabulary import Role

_ATTENTION = "layers.{layer}.attention."
_MLP = "layers.{layer}.mlp."

ARCHITECTURE = Architecture(
    name="reference_gpt",
    family="GPT",
    title="reference GPT",
    source="reference_model/model.py of this project",
    rules=(
        Rule(name="E_input.weight", role=Role.E_INPUT, shape="vocab_size, d_model"),
        Rule(name="E_output.weight", role=Role.E_OUTPUT, shape="vocab_size, d_model"),
        Rule(name=_ATTENTION + "W_q.weight", role=Role.W_Q, shape="n_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "W_k.weight", role=Role.W_K, shape="n_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "W_v.weight", role=Role.W_V, shape="n_heads*d_k, d_model"),
        Rule(name=_ATTENTION + "W_o.weight", role=Role.W_O, shape="d_model, n_heads*d_k"),
        Rule(name=_MLP + "W_u.weight", role=Role.W_U, shape="d_mlp, d_model"),
        Rule(name=_MLP + "W_nu.weight", role=Role.W_NU, shape="d_mlp, d_model"),
        Rule(name=_MLP + "W_oMLP.weight", role=Role.W_O_MLP, shape="d_model, d_mlp"),
        Rule(name="layers.{layer}.norm_A.gain", role=Role.GAIN_A, shape="d_model"),
        Rule(name="layers.{layer}.norm_M.gain", role=Role.GAIN_M, shape="d_model"),
        Rule(name="norm_final.gain", role=Role.GAIN_FINAL, shape="d_model"),
    ),
)
