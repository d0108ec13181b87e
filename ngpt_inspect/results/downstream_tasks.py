"""What the evaluation harness says of checkpoints: the rows behind Figures 3, 8 and 9."""

from ngpt_inspect.results.schema.columns import IDENTITY, STEP, TOKENS, number, text, whole
from ngpt_inspect.results.schema.contract import Results

TASK = text("task", "as lm-evaluation-harness calls it")
METRIC = text("metric", "likewise: acc, acc_norm, perplexity; with its filter where it has one")
SHOTS = whole("shots", "solved examples before each question")

TABLE = Results(
    name="downstream_tasks",
    summary="One row a checkpoint, downstream task and metric.",
    columns=(
        *IDENTITY,
        STEP,
        TOKENS,
        TASK,
        METRIC,
        SHOTS,
        whole("documents", "questions or texts it was evaluated on"),
        number("value", "of the metric", optional=True),
        number("standard_error", "of that value over documents", optional=True),
        number(
            "chance",
            "accuracy of who picks at random: mean of 1 / choices over documents, 0 where a text "
            "has to be said",
            optional=True,
        ),
    ),
    source="arXiv 2410.01131, Figures 3, 8 and 9",
    files=("downstream_tasks.csv",),
)
