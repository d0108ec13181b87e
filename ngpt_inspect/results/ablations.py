"""Runs with one thing of nGPT changed: the rows behind Tables 4, 5 and 6."""

from ngpt_inspect.results.schema.columns import IDENTITY, flag, number, text
from ngpt_inspect.results.schema.contract import Results

KINDS = ("element", "scalar", "fixed")
LEARNED = ("alpha_A", "alpha_M", "s_qk", "s_u", "s_nu", "s_z")

TABLE = Results(
    name="ablations",
    summary="One row a finished run of an ablation; variant is empty for the baseline.",
    columns=(
        *IDENTITY,
        text(
            "table",
            "which table of the paper; slerp or start: not in the paper",
            ("4", "5", "6", "slerp", "start"),
        ),
        text("parameter", "what gets another init or scale: s_qk, s_u & s_nu, s_z"),
        text("init", "its init, as written: 1, 1/sqrt(d)"),
        text("scale", "its scale, as written"),
        text("s_qk_kind", "learned per element, as one scalar, or fixed", KINDS),
        text("s_mlp_kind", "the same of s_u and s_nu", KINDS),
        text("s_z_kind", "the same of s_z", KINDS),
        text("alpha_kind", "the same of alpha_A and alpha_M", KINDS),
        flag("qk_norm", "whether queries and keys are normalised"),
        text("interpolation", "lerp or slerp", ("lerp", "slerp")),
        *(
            number(name, "learned effective mean over layers and coordinates", optional=True)
            for name in LEARNED
        ),
        number("validation_loss", "final, nats per token; empty where diverged", optional=True),
    ),
    source="arXiv 2410.01131, Tables 4, 5 and 6; SLERP is equation 6",
    files=("ablations.csv",),
)
