"""The speed-up of nGPT, from final losses of separately scheduled runs (Figure 2)."""

from __future__ import annotations

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.compare.pairing import pairs
from ngpt_inspect.results.compare.reaching import steps_to_reach
from ngpt_inspect.results.compare.tuning import final_rows, left_out, tuned
from ngpt_inspect.results.schema.columns import FACTOR, IDENTITY, names, number, whole
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked

COLUMNS = (
    *IDENTITY,
    whole("tokens", "training tokens of the run"),
    number("validation_loss", "final, nats per token"),
    whole("gpt_budgets", "budgets of GPT it is compared with"),
    *FACTOR,
)


def compute(losses: pd.DataFrame) -> pd.DataFrame:
    """Return one row a finished nGPT run: steps GPT needs to its final loss, over its own.

    GPT's steps come from the final losses of GPT runs of several budgets, each with its own
    schedule, on their running minimum and interpolated in the logarithm of steps
    (`steps_to_reach`). Beyond GPT's longest budget the factor is a lower bound.
    """
    remarks = left_out(losses)
    found = [
        _compared(mine[mine["validation_loss"].notna()], theirs)
        for mine, theirs in pairs(tuned(final_rows(losses)), remarks)
    ]
    table = stacked(COLUMNS, found)
    table.attrs["remarks"] = remarks
    return table


def _compared(ngpt: pd.DataFrame, gpt: pd.DataFrame) -> pd.DataFrame:
    reached = steps_to_reach(gpt["steps"], gpt["validation_loss"], ngpt["validation_loss"])
    factor = reached.steps / ngpt["steps"]
    return ngpt[names(IDENTITY)].assign(
        tokens=ngpt["tokens"],
        validation_loss=ngpt["validation_loss"],
        gpt_budgets=gpt["steps"].nunique(),
        gpt_steps=reached.steps,
        speed_up=factor,
        speed_up_tokens=factor * gpt["batch_size"].iloc[0] / ngpt["batch_size"],
        bound=reached.bound,
    )


TABLE = Results(
    name="speed_up",
    summary="One row a finished nGPT run, compared with the final losses of GPT's budgets.",
    columns=COLUMNS,
    source="arXiv 2410.01131, Figure 2",
    of="losses",
    compute=compute,
)
