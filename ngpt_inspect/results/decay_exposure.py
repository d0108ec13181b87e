"""Condition numbers of attention while weight decay acts: the rows behind Figure 5's cause."""

from ngpt_inspect.results.schema.columns import IDENTITY, number, text, whole
from ngpt_inspect.results.schema.contract import Results

WEIGHT = text("weight", "a matrix, or a product", ("W_q", "W_k", "W_v", "W_o", "QK", "OV"))
RECIPE = text("recipe", "what optimises, and how it differs from plain AdamW")
DECAY = number("weight_decay", "of AdamW")
LAYER = whole("layer", "from 0")
EXPOSURE = number("exposure", "sum over the steps so far of learning rate x weight decay")
COLUMNS = (
    *IDENTITY,
    RECIPE,
    DECAY,
    whole("step", "optimiser steps so far"),
    EXPOSURE,
    number("validation_loss", "nats per token", optional=True),
    LAYER,
    WEIGHT,
    number("condition_number", "median over heads"),
    number("lowest", "of the heads"),
    number("highest", "of the heads"),
    whole("heads", "of the layer"),
    whole("d_k", "coordinates of a head"),
    whole("d_model", "embedding dimension"),
)

TABLE = Results(
    name="decay_exposure",
    summary="One row a run, kept step, layer and weight: its condition number over heads.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 5; arXiv 2410.23819",
    files=("decay_exposure.csv",),
)
