"""What each ablation does to the loss, over seeds (Tables 4, 5 and 6)."""

from __future__ import annotations

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results import ablations
from ngpt_inspect.results.schema.columns import DIVERGED, RUNS, flag, names, number
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

MEASURED = (*ablations.LEARNED, "validation_loss")
BY = tuple(
    column for column in ablations.TABLE.columns if column.name not in ("run", "seed", *MEASURED)
)
SAME = ["size", "context_length", "batch_size", "steps", "seed"]
"""What a run and its baseline have in common."""
COLUMNS = (
    *BY,
    flag("baseline", "whether this is the plain model"),
    RUNS,
    DIVERGED,
    *(number(name, "mean over seeds", optional=True) for name in MEASURED),
    number("change", "loss over the baseline's of the same seed, minus 1, in %", optional=True),
    number("change_deviation", "its standard deviation over seeds (n - 1)", optional=True),
)


def compute(rows: pd.DataFrame) -> pd.DataFrame:
    r"""Return one row a setting of each table, in the order of the rows.

    The change of a run is :math:`100 (L / L_0 - 1)` with :math:`L_0` the loss of the baseline
    (empty `variant`) of the same size, context, budget and seed; then mean and standard
    deviation over seeds.
    """
    plain = rows[rows["variant"] == ""].drop_duplicates(SAME)
    paired = rows.merge(
        plain[[*SAME, "validation_loss"]].rename(columns={"validation_loss": "_baseline"}),
        on=SAME,
        how="left",
    )
    paired["change"] = 100 * (paired["validation_loss"] / paired["_baseline"] - 1)
    held = paired.groupby(names(BY), sort=False, dropna=False)
    table = held.agg(
        runs=("validation_loss", "count"),
        diverged=("validation_loss", lambda values: int(values.isna().sum())),
        **{name: (name, "mean") for name in MEASURED},
        change=("change", "mean"),
        change_deviation=("change", "std"),
    ).reset_index()
    table["baseline"] = table["variant"] == ""
    out = stacked(COLUMNS, [table])
    alone = paired.loc[paired["_baseline"].isna(), "run"]
    out.attrs["remarks"] = [f"{run}: no baseline of its seed and budget." for run in alone]
    return out


TABLE = Results(
    name="ablation_losses",
    summary="One row a setting of an ablation: learned means, loss, and change of the loss.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Tables 4, 5 and 6",
    of="ablations",
    compute=compute,
)
