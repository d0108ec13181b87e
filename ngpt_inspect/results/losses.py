"""Validation losses while training: the rows behind Figures 1, 2 and 7."""

from ngpt_inspect.results.schema.columns import IDENTITY, SECONDS, STEP, TOKENS, number
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.sources.runs import losses_of_run

TABLE = Results(
    name="losses",
    summary="One row a validation of a run; the last has step = steps, or no loss.",
    columns=(
        *IDENTITY,
        STEP,
        TOKENS,
        SECONDS,
        number(
            "validation_loss", "nats per token; empty where the run has diverged", optional=True
        ),
    ),
    source="arXiv 2410.01131, Figures 1, 2 and 7",
    files=("speed_up.csv", "learning_rates.csv"),
    of_run=losses_of_run,
)
