"""Seconds of a training step, measured in turn: the rows behind section A.4."""

from ngpt_inspect.results.schema.columns import (
    BATCH,
    CONTEXT,
    FAMILY,
    SIZE,
    flag,
    number,
    text,
    whole,
)
from ngpt_inspect.results.schema.contract import Results

PRECISION = text("precision", "of matrix products")
COMPILED = flag("compiled", "whether torch.compile was used")

TABLE = Results(
    name="step_time",
    summary="One row a timing of one family in one round of interleaved rounds.",
    columns=(
        FAMILY,
        SIZE,
        CONTEXT,
        BATCH,
        PRECISION,
        COMPILED,
        whole("round", "families of one round are timed right after each other"),
        number("seconds", "of one step: forward, backward, update, normalisation"),
    ),
    source="arXiv 2410.01131, section A.4",
    files=("step_time.csv",),
)
