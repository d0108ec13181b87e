"""Final losses by learning rate (Figure 7)."""

from __future__ import annotations

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.spread import OF_LOSS, over_seeds
from ngpt_inspect.results.compare.tuning import BUDGET, final_rows, left_out
from ngpt_inspect.results.schema.columns import SETTING, flag, names
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

COLUMNS = (
    *SETTING,
    *OF_LOSS,
    flag("best", "whether no other learning rate of this budget has a lower mean loss"),
)


def compute(losses: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting with every learning rate that was tried.

    The best of a budget has the lowest mean over seeds and no diverged run.
    """
    table = over_seeds(final_rows(losses), names(SETTING), "validation_loss")
    sound = table[table["diverged"] == 0]
    lowest = sound.groupby(BUDGET, dropna=False)["validation_loss"].transform("min")
    best = (sound["validation_loss"] == lowest).reindex(table.index, fill_value=False)
    out = stacked(COLUMNS, [table.assign(best=best)])
    out.attrs["remarks"] = left_out(losses)
    return out


TABLE = Results(
    name="learning_rates",
    summary="One row a setting: final loss over seeds, and whether its learning rate is best.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 7",
    of="losses",
    compute=compute,
)
