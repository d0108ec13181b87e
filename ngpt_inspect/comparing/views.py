"""What is looked at of a table of changes: weights and tokens, the most changed first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngpt_inspect.comparing._quantities import MOST_ROWS
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.table import Table

if TYPE_CHECKING:
    from ngpt_inspect.tokens import TokenTexts

__all__ = ["HEADINGS", "MOST_ROWS", "changed_tokens", "changed_weights"]

PLACE = ["role", "layer", "expert", "tensor"]
HEADINGS = {
    "angle": "angle °",
    "row_angle": "row angle °",
    "relative_change": "relative change",
    "change_effective_rank": "effective rank",
    "change_rank_share": "share of full rank",
    "angle_per_rate": "° per unit of rate",
    "left_overlap": "overlap left",
    "left_overlap_random": "overlap left, random",
    "right_overlap": "overlap right",
    "right_overlap_random": "overlap right, random",
}
"""The numbers of one weight that are set side by side, of the angles of rows the median -> what a
table calls them."""


def changed_weights(table: pd.DataFrame, by: str = "angle") -> pd.DataFrame:
    """Return one row a weight, the most changed first, by one of `HEADINGS`; what has none is last.

    Parameters
    ----------
    table
        As `changes` returns it, of two checkpoints.

    Returns
    -------
    pandas.DataFrame
        Columns role, layer, expert, tensor, those of `HEADINGS`, then status and reason of the
        angle.
    """
    rows = Table.of(table).rows
    median = rows["measure"].eq("row_angle") & rows["statistic"].eq("median").fillna(False)
    rows = rows[rows["measure"].isin(HEADINGS) & (rows["statistic"].isna() | median)]
    rows = rows.drop_duplicates([*PLACE, "measure"])
    said = rows[rows["measure"].eq("angle")].set_index(PLACE)[["status", "reason"]]
    wide = rows.set_index([*PLACE, "measure"])["value"].unstack("measure")
    wide = wide.reindex(columns=list(HEADINGS)).join(said).reset_index().rename_axis(columns=None)
    return wide.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def changed_tokens(table: pd.DataFrame, role: str, texts: TokenTexts) -> pd.DataFrame:
    """Return the tokens of an embedding that turned most: token, text, angle in degrees."""
    rows = Table.of(table).rows
    rows = rows[rows["measure"].eq("row_angle_largest") & rows["role"].eq(role)]
    told = rows[["index", "value"]].rename(columns={"index": "token", "value": "angle"})
    told.insert(1, "text", [texts[int(token)] for token in told["token"]])
    return told.reset_index(drop=True)
