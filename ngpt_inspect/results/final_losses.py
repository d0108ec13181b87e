"""Final losses by budget, and the speed-up at each budget of nGPT (Figure 2)."""

from __future__ import annotations

from typing import Any

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results import speed_up
from ngpt_inspect.results.compare.reaching import mean_factor
from ngpt_inspect.results.compare.spread import OF_LOSS, over_seeds
from ngpt_inspect.results.compare.tuning import final_rows, tuned
from ngpt_inspect.results.schema.columns import FACTOR, SETTING, names, number, whole
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

COLUMNS = (
    *SETTING,
    whole("tokens", "training tokens of the budget"),
    *OF_LOSS,
    *FACTOR,
    number("speed_up_low", "smallest of the seeds", optional=True),
    number("speed_up_high", "largest of the seeds", optional=True),
)
BY = names(SETTING)


def compute(losses: pd.DataFrame) -> pd.DataFrame:
    """Return one row a family, size, context and budget, at the learning rate it is judged by.

    Losses are arithmetic means over seeds. The speed-up of a seed compares it with GPT's runs
    of that seed (`speed_up.compute`); over seeds it is the geometric mean. A mean with a lower
    bound in it is a lower bound.
    """
    runs = tuned(final_rows(losses))
    table = over_seeds(runs, BY, "validation_loss")
    table["tokens"] = table["steps"] * table["batch_size"] * table["context_length"]
    compared = speed_up.compute(losses)
    factors = [
        rows.iloc[0][BY].to_dict()
        | mean_factor(rows.to_dict("records"))
        | {"speed_up_low": rows["speed_up"].min(), "speed_up_high": rows["speed_up"].max()}
        for _, rows in compared.groupby(BY, sort=False, dropna=False)
    ]
    out = stacked(COLUMNS, [_beside(table, factors)])
    out.attrs["remarks"] = compared.attrs["remarks"]
    return out


def _beside(table: pd.DataFrame, factors: list[dict[Any, Any]]) -> pd.DataFrame:
    """Return the losses with the factor of their setting, where there is one."""
    said = [*names(FACTOR), "speed_up_low", "speed_up_high"]
    beside = pd.DataFrame(factors, columns=[*BY, *said])
    joined = table.merge(beside.astype({name: table[name].dtype for name in BY}), on=BY, how="left")
    return joined.assign(bound=joined["bound"].fillna(""))


TABLE = Results(
    name="final_losses",
    summary="One row a setting: final loss over seeds, and for nGPT its speed-up.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 2",
    of="losses",
    compute=compute,
)
