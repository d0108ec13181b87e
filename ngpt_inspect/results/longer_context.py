"""Perplexity beyond the trained context: the rows behind Figure 13."""

from ngpt_inspect.results.schema.columns import IDENTITY, number, text, whole
from ngpt_inspect.results.schema.contract import Results

TABLE = Results(
    name="longer_context",
    summary="One row a trained model, kind of text and evaluated length.",
    columns=(
        *IDENTITY,
        text("text", "what is read", ("held-out", "out-of-domain")),
        whole("evaluated_length", "tokens of one evaluated sequence"),
        number("loss", "nats per token", optional=True),
        number("standard_error", "of that loss over sequences", optional=True),
        number("perplexity", "exp(loss)", optional=True),
    ),
    source="arXiv 2410.01131, Figure 13",
    files=("longer_context.csv",),
)
