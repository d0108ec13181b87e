"""Tables for reading: the summary rows of a measure, laid out for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures import MEASURES, Measure, View
from ngpt_inspect.tables import summarise
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Role, Status
from ngpt_inspect.wording import number

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group
    from rich.table import Table

MARKS = {
    Status.BELOW_RESOLUTION: ("~", "below what the stored dtype resolves"),
    Status.SAMPLED: ("≈", "from a sample"),
    Status.RANK_DEFICIENT: ("", "inf: rank deficient"),
}
"""What is put before a number that is not simply `ok`, and the legend below the table."""

TEXTS = {"", "block", "checkpoint", "tensor", "role", "shape", "dtype", "note", "text", "top_text"}
"""Columns set flush left."""

ORDER = {str(role): rank for rank, role in enumerate(Role)}


def views(table: pd.DataFrame) -> Iterator[Group]:
    """Yield a heading with its table for each measure and checkpoint in a tidy table."""
    from rich.console import Group

    summarised = summarise(table)
    for name in table.attrs["measures"]:
        each = MEASURES[name]
        rows = summarised[summarised["measure"].isin(each.shown)]
        for checkpoint in table.attrs["checkpoints"]:
            mine = rows[rows["checkpoint"] == checkpoint["label"]]
            if checkpoint["step"] is not None:
                mine = mine[mine["step"] == checkpoint["step"]]
            if len(mine):
                layout = by_layer if each.view is View.LAYERS else by_role
                yield Group(heading(checkpoint, each), layout(mine, each), *_legend(mine))


def _legend(rows: pd.DataFrame) -> list[str]:
    """Return a line for the marks that stand before numbers, if there are any."""
    meanings = [
        f"{mark} {meaning}"
        for status, (mark, meaning) in MARKS.items()
        if (rows["status"] == status).any()
    ]
    return [", ".join(meanings)] if meanings else []


def heading(checkpoint: dict[str, Any], each: Measure) -> str:
    """Return the line above a table: which checkpoint, and what is in the cells."""
    step = "" if checkpoint["step"] is None else f" at step {checkpoint['step']}"
    kind = f"{checkpoint['label']}{step} ({checkpoint['architecture']})"
    return f"{kind}: {each.title.lower()}{_reduction(each)}"


def _reduction(each: Measure) -> str:
    if each.view is View.ROLES:
        return ""
    suffix = each.shown[0].removeprefix(each.headline)
    if suffix == "_median":
        return ", median over heads (whole matrix where there are none)"
    return ", mean" if suffix == "_mean" else ""


def by_layer(rows: pd.DataFrame, each: Measure) -> Table:
    """Return layers down, roles across."""
    roles = sorted(rows["role"].unique(), key=ORDER.__getitem__)
    out = _table(["layer", *roles])
    lines: dict[int | None, dict[str, str]] = {}
    for row in records(rows):
        lines.setdefault(row["layer"], {})[row["role"]] = _cell(row["value"], row["status"])
    for layer in sorted(lines, key=lambda layer: -1 if layer is None else layer):
        cells = [lines[layer].get(role, "-") for role in roles]
        out.add_row("" if layer is None else str(layer), *cells)
    return out


def by_role(rows: pd.DataFrame, each: Measure) -> Table:
    """Return roles and layers down, quantities across."""
    layered = bool(rows["layer"].notna().any())
    out = _table([*(["layer"] if layered else []), "role", *each.shown])
    lines: dict[tuple[int | None, str], dict[str, str]] = {}
    for row in records(rows):
        place = (row["layer"], row["role"])
        lines.setdefault(place, {})[row["measure"]] = _cell(row["value"], row["status"])
    for (layer, role), cells in lines.items():
        lead = ["" if layer is None else str(layer)] if layered else []
        out.add_row(*lead, role, *(cells.get(name, "-") for name in each.shown))
    return out


def _table(columns: list[str]) -> Table:
    from rich import box
    from rich.table import Table

    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        out.add_column(name, justify="left" if name in TEXTS else "right", no_wrap=True)
    return out


def _cell(value: float, status: str) -> str:
    if status == Status.SKIPPED:
        return "-"
    return MARKS.get(Status(status), ("", ""))[0] + number(value)


def coverage_notes(table: pd.DataFrame) -> Iterator[str]:
    """Yield what was measured, what was skipped and why, and what was assumed."""
    yield from table.attrs["remarks"]
    for checkpoint in table.attrs["checkpoints"]:
        covered = checkpoint["coverage"]
        line = (
            f"{checkpoint['label']}: {covered['measured']} of {covered['weights']} weights measured"
        )
        for reason, count in covered["skipped"].items():
            line += f"; {count} skipped: {reason}"
        for reason in dict.fromkeys(covered["absent"].values()):
            roles = ", ".join(role for role, why in covered["absent"].items() if why == reason)
            line += f"; no {roles}: {reason}"
        yield line
        assumed = [c for c in checkpoint["constants"] if c["origin"].startswith("assumed")]
        if assumed:
            names = ", ".join(f"{c['name']} = {number(c['value'])}" for c in assumed)
            yield f"{checkpoint['label']}: not in the files, so assumed: {names}"
        if checkpoint["unrecognised"]:
            names = checkpoint["unrecognised"]
            yield f"{checkpoint['label']}: {len(names)} tensors not recognised, such as {names[0]}"


def side_by_side(summary: pd.DataFrame) -> Table:
    """Return a summary with items down and checkpoints across."""
    facts = records(summary)
    columns = dict.fromkeys((fact["checkpoint"], fact["step"]) for fact in facts)
    texts = {(fact["item"], fact["checkpoint"], fact["step"]): fact["text"] for fact in facts}
    names = [label if step is None else f"{label} @ {step}" for label, step in columns]
    out = _table(["", *names])
    for item in dict.fromkeys(fact["item"] for fact in facts):
        out.add_row(item, *(texts.get((item, *column), "-") for column in columns))
    return out


def plain_table(rows: list[dict[str, Any]], columns: list[str]) -> Table:
    """Return rows as they are, in these columns."""
    out = _table(columns)
    for row in rows:
        out.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    return out
