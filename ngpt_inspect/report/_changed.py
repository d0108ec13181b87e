"""What changed from each checkpoint to the next, in words: how much, and where the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from ngpt_inspect.comparing import rows_after
from ngpt_inspect.report._markup import escaped, html_table, named, typeset
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.wording import number

if TYPE_CHECKING:
    import pandas as pd

MEANT = (
    "Each checkpoint beside the one before it, weight by weight. Independent random weights are 90 "
    "degrees apart, and models trained apart mostly near that; a later step, or a model tuned from "
    "the other, is far closer. A change of low rank, or along directions that W had, is a small "
    "edit of it."
)
MOST = 12
"""Weights of each comparison that are listed."""
COLUMNS = {
    "angle": "angle, degrees",
    "relative_change": "relative change",
    "change_rank_share": "rank of the change, share of full",
    "left_overlap": "left directions shared",
    "left_overlap_random": "shared by random ones",
}


def changes_told(table: pd.DataFrame) -> Iterator[str]:
    """Yield a paragraph of what the numbers mean, and of each comparison the largest changes."""
    yield f"<p>{MEANT}</p>"
    yield from (f"<p>{escape(remark)}</p>" for remark in table.attrs["remarks"])
    for pair in table.attrs["pairs"]:
        after, before = (escape(named(**pair[each])) for each in ("after", "before"))
        yield f"<h3>{after} from {before}</h3>{_compared(rows_after(table, pair))}"


def _compared(rows: pd.DataFrame) -> str:
    single = rows[rows["statistic"].isna() & rows["index"].isna()]
    named_rows = single.assign(place=[_place(row) for row in records(single)])
    by_weight = named_rows.pivot(index=["tensor", "place"], columns="measure", values="value")
    angles = by_weight["angle"].dropna().sort_values(ascending=False, kind="stable")
    skipped = single.loc[single["status"] == Status.SKIPPED, "reason"]
    why = (
        f" {len(skipped)} are not; the first is {escaped(skipped.iloc[0])}." if len(skipped) else ""
    )
    if angles.empty:
        return f"<p>No weight can be compared.{why}</p>"
    least, median, most = (number(at) for at in (angles.min(), angles.median(), angles.max()))
    said = (
        f"<p>{len(angles)} weights compared: angles from {least} to {most} degrees, the median "
        f"{median}.{why}</p>"
    )
    columns = [name for name in COLUMNS if name in by_weight]
    shown = by_weight.loc[angles.index[:MOST], columns]
    lines = [
        (place, ["-" if value != value else number(value) for value in values])
        for (_, place), values in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    return said + html_table("changed most", [COLUMNS[name] for name in columns], lines)


def _place(row: Mapping[str, Any]) -> str:
    """Return in HTML where a weight stands; the name of the tensor where it plays no role."""
    if row["role"] is None:
        return f"<code>{escaped(row['tensor'])}</code>"
    numbered = [f"{name} {row[name]}" for name in ("layer", "expert") if row[name] is not None]
    return " ".join([typeset(row["role"]), *numbered])
