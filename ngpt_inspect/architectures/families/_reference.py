"""What the reference GPT and nGPT share: their matrices have the same names."""

from ngpt_inspect.architectures.engine.architecture import Rule, whole
from ngpt_inspect.vocabulary import Role

ATTENTION = "layers.{layer}.attention."
MLP = "layers.{layer}.mlp."
SOURCE = "reference_model/model.py of this project"

MATRICES = (
    whole("E_input.weight", Role.E_INPUT),
    whole("E_output.weight", Role.E_OUTPUT),
    whole(ATTENTION + "W_q.weight", Role.W_Q),
    Rule(name=ATTENTION + "W_k.weight", role=Role.W_K, shape="n_heads*d_k, d_model"),
    Rule(name=ATTENTION + "W_v.weight", role=Role.W_V, shape="n_heads*d_k, d_model"),
    whole(ATTENTION + "W_o.weight", Role.W_O),
    whole(MLP + "W_u.weight", Role.W_U),
    whole(MLP + "W_nu.weight", Role.W_NU),
    whole(MLP + "W_oMLP.weight", Role.W_O_MLP),
)
