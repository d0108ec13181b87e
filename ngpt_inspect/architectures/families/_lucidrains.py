"""What the releases of lucidrains' nGPT-pytorch share: NormLinear modules, Scale modules."""

from ngpt_inspect.architectures.engine.architecture import Constant, Rule, unrecorded, whole
from ngpt_inspect.vocabulary import MatrixAxis, Role

SOURCE = "github.com/lucidrains/nGPT-pytorch, nGPT_pytorch/nGPT.py"
ATTENTION = "layers.{layer}.0.[fn.]"
MLP = "layers.{layer}.1.[fn.]"
FREQUENCIES = {
    "rotary_embed.freqs": "rotary frequencies, not trained",
    ATTENTION + "rotary_emb.freqs": "rotary frequencies, not trained",
}
HYPERSPHERES = "read as of one hypersphere: files do not say num_hyperspheres or norm_eps"
PARAMETRISED = (
    "without manual_norm_weights the model normalises its matrices whenever it uses them, and "
    "so are they read here: the stored ones may have drifted"
)
SQRT_D = "s_nu is given without the sqrt(d_model) the code adds"

_SUFFIXES = {
    "parametrised": (".linear.parametrizations.weight.original", True),
    "manual": (".linear.weight", False),
}


def matrices(*, logits: str = "to_logits", other_axis: bool = False) -> tuple[Rule, ...]:
    """Return the rules of all matrices, normalised at read where torch parametrises them.

    `other_axis`: as the first releases normalised all but the input embedding.
    """
    readers = MatrixAxis.COLUMNS if other_axis else MatrixAxis.ROWS
    writers = MatrixAxis.ROWS if other_axis else MatrixAxis.COLUMNS
    declared = (
        ("token_embed", Role.E_INPUT, "vocab_size, d_model", MatrixAxis.ROWS),
        (logits, Role.E_OUTPUT, "vocab_size, d_model", readers),
        (ATTENTION + "to_q", Role.W_Q, "n_heads*d_k, d_model", readers),
        (ATTENTION + "to_k", Role.W_K, "n_heads*d_k, d_model", readers),
        (ATTENTION + "to_v", Role.W_V, "n_heads*d_k, d_model", readers),
        (ATTENTION + "to_out", Role.W_O, "d_model, n_heads*d_k", writers),
        (MLP + "to_hidden", Role.W_U, "d_mlp, d_model", readers),
        (MLP + "to_gate", Role.W_NU, "d_mlp, d_model", readers),
        (MLP + "to_out", Role.W_O_MLP, "d_model, d_mlp", writers),
    )
    return tuple(
        Rule(
            name=name + suffix,
            role=role,
            shape=shape,
            block=f"matrices/{variant}",
            normalised=axis if parametrised else None,
            optional=role is Role.E_OUTPUT,
        )
        for variant, (suffix, parametrised) in _SUFFIXES.items()
        for name, role, shape, axis in declared
    )


def constants(s_qk_scale: str) -> tuple[Constant, ...]:
    """Return the init and scale values of the Scale modules, none of which a file holds."""
    return unrecorded(
        "the library's default",
        alpha_init="1/n_layers",
        alpha_scale="d_model**-0.5",
        s_qk_init="1",
        s_qk_scale=s_qk_scale,
        s_u_init="1",
        s_u_scale="1",
        s_nu_init="1",
        s_nu_scale="1",
        s_z_init="1",
        s_z_scale="d_model**-0.5",
    )


ALPHA = "alpha_init / alpha_scale"
S_QK = "s_qk_init / s_qk_scale"
SCALES = (
    whole("layers.{layer}.0.branch_scale.scale|layers.{layer}.2.scale", Role.ALPHA_A, factor=ALPHA),
    whole("layers.{layer}.1.branch_scale.scale|layers.{layer}.3.scale", Role.ALPHA_M, factor=ALPHA),
    whole(MLP + "hidden_scale.scale", Role.S_U, factor="s_u_init / s_u_scale"),
    whole(MLP + "gate_scale.scale", Role.S_NU, factor="s_nu_init / s_nu_scale"),
    whole("logit_scale.scale", Role.S_Z, factor="s_z_init / s_z_scale"),
)
