"""Perplexity by evaluated length, over seeds (Figure 13)."""

from __future__ import annotations

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.spread import over_seeds
from ngpt_inspect.results.schema.columns import DIVERGED, RUNS, SETTING, names, number, text, whole
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

BY = (
    *SETTING,
    text("text", "held-out or out-of-domain"),
    whole("evaluated_length", "tokens of one evaluated sequence"),
)
COLUMNS = (
    *BY,
    RUNS,
    DIVERGED,
    number("loss", "mean over seeds, nats per token", optional=True),
    number("standard_error", "of a seed's loss over sequences; mean over seeds", optional=True),
    number("perplexity", "exp(loss): the geometric mean over seeds", optional=True),
    number("perplexity_low", "smallest of the seeds", optional=True),
    number("perplexity_high", "largest of the seeds", optional=True),
)


def compute(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting, text and length: exp of the mean loss, and its range."""
    table = over_seeds(rows, names(BY), "loss", standard_error="mean")
    for name, log in (("", "loss"), ("_low", "low"), ("_high", "high")):
        with np.errstate(over="ignore"):  # a loss beyond 709 nats is an infinite perplexity
            table[f"perplexity{name}"] = np.exp(table[log])
    return stacked(COLUMNS, [table])


TABLE = Results(
    name="perplexities",
    summary="One row a setting, text and evaluated length: perplexity over seeds.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 13",
    of="longer_context",
    compute=compute,
)
