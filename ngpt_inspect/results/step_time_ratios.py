"""Time of a step, nGPT over GPT (section A.4)."""

from __future__ import annotations

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.columns import BATCH, CONTEXT, SIZE, names, number, whole
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked
from ngpt_inspect.results.step_time import COMPILED, PRECISION

BY = (SIZE, PRECISION, COMPILED, CONTEXT, BATCH)
COLUMNS = (
    *BY,
    whole("rounds", "rounds in which both were timed"),
    number("gpt_seconds", "median of GPT's steps"),
    number("ngpt_seconds", "median of nGPT's steps"),
    number("ratio", "median over rounds of nGPT's seconds over GPT's"),
    number("ratio_low", "lower quartile of the rounds"),
    number("ratio_high", "upper quartile of the rounds"),
)


def compute(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting: the ratio of each round, then median and quartiles.

    Ratios are taken within a round because what disturbs a machine disturbs both of them.
    """
    by = [*names(BY), "round"]
    timed = rows.groupby([*by, "family"], dropna=False)["seconds"].median().unstack("family")
    both = timed.reindex(columns=["GPT", "nGPT"]).dropna().reset_index()
    both["ratio"] = both["nGPT"] / both["GPT"]
    held = both.groupby(names(BY), sort=True, dropna=False)
    table = held.agg(
        rounds=("ratio", "size"),
        gpt_seconds=("GPT", "median"),
        ngpt_seconds=("nGPT", "median"),
        ratio=("ratio", "median"),
        ratio_low=("ratio", lambda values: values.quantile(0.25)),
        ratio_high=("ratio", lambda values: values.quantile(0.75)),
    )
    out = stacked(COLUMNS, [table.reset_index()])
    alone = len(timed) - len(both)
    if alone:
        out.attrs["remarks"] = [f"Rounds in which one family alone was timed, left out: {alone}."]
    return out


TABLE = Results(
    name="step_time_ratios",
    summary="One row a setting: median over rounds of nGPT's time over GPT's.",
    columns=COLUMNS,
    source="arXiv 2410.01131, section A.4",
    of="step_time",
    compute=compute,
)
