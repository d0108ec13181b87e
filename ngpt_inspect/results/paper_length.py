"""Condition numbers of attention along runs as long as the paper's."""

from ngpt_inspect.results.decay_exposure import COLUMNS
from ngpt_inspect.results.schema.contract import Results

TABLE = Results(
    name="paper_length",
    summary="As decay_exposure, of a GPT and an nGPT with the paper's length, decay and start.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 5",
    files=("paper_length.csv",),
)
