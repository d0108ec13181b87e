"""Condition numbers of attention in deeper models with wide and narrow heads."""

from ngpt_inspect.results.decay_exposure import COLUMNS
from ngpt_inspect.results.schema.contract import Results

TABLE = Results(
    name="heads_and_depth",
    summary="As decay_exposure, of deeper models with fewer and more heads.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figures 5 and 10",
    files=("heads_and_depth.csv",),
)
