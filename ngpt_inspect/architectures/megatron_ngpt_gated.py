"""nGPT checkpoints exported from Megatron-LM with a gated MLP: the gate's rows come first."""

from ngpt_inspect.architectures._architecture import Architecture, Rule, fused
from ngpt_inspect.architectures._megatron import CONSTANTS, IGNORED, MLP, NOTES, SOURCE, TRUNK
from ngpt_inspect.vocabulary import Role


def _halves(width: str) -> dict[Role, tuple[str, str]]:
    return {Role.W_NU: ("0", width), Role.W_U: (width, f"2*{width}")}


def _scales(name: str, width: str, block: str) -> tuple[Rule, ...]:
    halves = {Role.S_NU: ("0", width), Role.S_U: (width, f"2*{width}")}
    return fused(MLP + name, f"2*{width}", halves, block=block)


def _mlp(
    prefix: str, block: str, width: str, number: str = "", *, optional: bool = False
) -> tuple[Rule, ...]:
    """Return the rules of one MLP: dense, shared by all tokens, or of each expert."""
    return (
        *fused(
            f"{prefix}linear_fc1.weight{number}",
            f"2*{width}, d_model",
            _halves(width),
            block=block,
            optional=optional,
        ),
        Rule(
            name=f"{prefix}linear_fc2.weight{number}",
            role=Role.W_O_MLP,
            shape=f"d_model, {width}",
            block=block,
            optional=optional,
        ),
    )


ARCHITECTURE = Architecture(
    name="megatron_ngpt_gated",
    family="nGPT",
    title="Megatron nGPT (gated)",
    source=SOURCE,
    hybrid=True,
    ignored=IGNORED,
    constants=CONSTANTS,
    notes=(*NOTES,),
    rules=(
        *TRUNK,
        *_mlp(MLP, "mlp/dense", "d_mlp"),
        *_mlp(MLP + "experts.", "mlp/experts", "d_expert", "{expert}"),
        *_mlp(MLP + "shared_experts.", "mlp/experts", "d_shared", optional=True),
        *_scales("suv", "d_mlp", "mlp/dense"),
        *_scales("experts.suv", "d_expert", "mlp/experts"),
    ),
)
