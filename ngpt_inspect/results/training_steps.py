"""Every step that training runs have logged."""

from ngpt_inspect.results.schema.columns import IDENTITY, SECONDS, STEP, TOKENS, number
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.sources.runs import steps_of_run

TABLE = Results(
    name="training_steps",
    summary="One row a step of a run, as its metrics.jsonl has it.",
    columns=(
        *IDENTITY,
        STEP,
        TOKENS,
        SECONDS,
        number("train_loss", "of the batch before its update, nats per token", optional=True),
        number("validation_loss", "nats per token, where it was measured", optional=True),
        number("rate", "learning rate of this step", optional=True),
        number("gradient_norm", "L2 norm of the gradient before clipping", optional=True),
    ),
    source="arXiv 2410.01131, Figure 1 (its curves)",
    of_run=steps_of_run,
    young=True,
)
