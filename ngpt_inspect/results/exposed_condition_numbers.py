"""Condition numbers at the end of training by decay exposure, over seeds."""

from __future__ import annotations

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.spread import over_seeds
from ngpt_inspect.results.decay_exposure import DECAY, EXPOSURE, LAYER, RECIPE, WEIGHT
from ngpt_inspect.results.schema.columns import RUNS, SETTING, names, number
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

BY = (*SETTING, RECIPE, DECAY, EXPOSURE, LAYER, WEIGHT)
COLUMNS = (
    *BY,
    RUNS,
    number("validation_loss", "mean over seeds", optional=True),
    number("condition_number", "median over heads, geometric mean over seeds"),
    number("low", "smallest of the seeds"),
    number("high", "largest of the seeds"),
    number(
        "at_random",
        "of a Gaussian d_k x d_model matrix: (1 + r) / (1 - r), r = sqrt(d_k / d_model), the "
        "limit of large ones; empty for products",
        optional=True,
    ),
)


def compute(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting, layer and weight after the last step."""
    last = rows[rows["step"] == rows["steps"]]
    ratio = np.sqrt(last["d_k"] / last["d_model"])
    single = last["weight"].str.startswith("W_")
    last = last.assign(
        log=np.log(last["condition_number"]),
        at_random=((1 + ratio) / (1 - ratio)).where(single & (ratio < 1)),
    )
    further = {"validation_loss": "mean", "log": "mean", "at_random": "first"}
    table = over_seeds(last, names(BY), "condition_number", **further)
    # within the seeds, also where the logarithm of a single one rounds
    mean = np.exp(table["log"]).clip(table["low"], table["high"])
    return stacked(COLUMNS, [table.assign(condition_number=mean)])


TABLE = Results(
    name="exposed_condition_numbers",
    summary="One row a setting, layer and weight: condition number after training, over seeds.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 5; arXiv 2410.23819",
    of="decay_exposure",
    compute=compute,
)
