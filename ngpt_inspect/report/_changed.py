"""What changed from each checkpoint to the next, in words: how much, and where the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from ngpt_inspect.comparing import rows_after
from ngpt_inspect.comparing.views import HEADINGS, changed_weights
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.report._markup import escaped, html_table, typeset
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.wording import at_step, number

MEANT = (
    "Each checkpoint beside the one before it, weight by weight. Independent random weights are 90 "
    "degrees apart, and models trained apart mostly near that; a later step, or a model tuned from "
    "the other, is far closer. A change of low rank, or along directions that W had, is a small "
    "edit of it."
)
MOST = 12
"""Weights of each comparison that are listed."""
COLUMNS = (
    "angle",
    "relative_change",
    "change_rank_share",
    "left_overlap",
    "left_overlap_random",
)


def changes_told(table: pd.DataFrame) -> Iterator[str]:
    """Yield a paragraph of what the numbers mean, and of each comparison the largest changes."""
    yield f"<p>{MEANT}</p>"
    yield from (f"<p>{escape(remark)}</p>" for remark in table.attrs["remarks"])
    for pair in table.attrs["pairs"]:
        after, before = (escape(at_step(**pair[each])) for each in ("after", "before"))
        yield f"<h3>{after} from {before}</h3>{_compared(rows_after(table, pair))}"


def _compared(rows: pd.DataFrame) -> str:
    weights = changed_weights(rows)
    left_out = weights.loc[weights["status"] == Status.SKIPPED, "reason"]
    why = "".join(
        f" {len(left_out)} are not; the first is {escaped(reason)}." for reason in left_out[:1]
    )
    angles = weights["angle"].dropna()
    if angles.empty:
        return f"<p>No weight can be compared.{why}</p>"
    least, median, most = (number(at) for at in (angles.min(), angles.median(), angles.max()))
    said = (
        f"<p>{len(angles)} weights compared: angles from {least} to {most} degrees, the median "
        f"{median}.{why}</p>"
    )
    columns = [name for name in COLUMNS if weights[name].notna().any()]
    lines = [
        (_place(row), ["-" if row[name] is None else number(row[name]) for name in columns])
        for row in records(weights.loc[angles.index[:MOST]])
    ]
    return said + html_table("changed most", [HEADINGS[name] for name in columns], lines)


def _place(row: Mapping[str, Any]) -> str:
    """Return in HTML where a weight stands; the name of the tensor where it plays no role."""
    if row["role"] is None:
        return f"<code>{escaped(row['tensor'])}</code>"
    numbered = [f"{name} {row[name]}" for name in ("layer", "expert") if row[name] is not None]
    return " ".join([typeset(row["role"]), *numbered])
