"""Tables for reading: the summary rows of a measure, laid out for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures import MEASURES, Measure, View
from ngpt_inspect.summary import Level, beside
from ngpt_inspect.tables import summarise
from ngpt_inspect.tables.rows import records
from ngpt_inspect.tokens import token_texts
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

TEXTS = {"", "checkpoint", "group", "item", "tensor", "role", "shape", "dtype", "note", "notes"} | {
    *("text", "partner text", "nearest_text", "block", "top_text")
}
"""Columns set flush left."""

KEYS = ("layer", "expert", "head", "index", "partner")
"""What may tell rows apart that share a cell."""

REDUCTIONS = {
    "_median": ", median over heads (whole matrix where there are none)",
    "_mean": ", mean",
    "_abs_mean": ", mean of |.|",
}
"""What a summary in the cells is called in the heading."""

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
                cells = Cells(mine, PLACES[each.view])
                lines = LAYOUTS[each.view](cells, each, checkpoint["source"])
                yield Group(heading(checkpoint, each) + cells.over, lines, *_legend(mine))


class Cells:
    """The cells of a printed table: each the one row that belongs there, or the median of several.

    Nothing can be overwritten: what a cell stands for is counted, and `over` tells it.
    """

    def __init__(self, rows: pd.DataFrame, place: Sequence[str]) -> None:
        self.rows = rows
        self._found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in records(rows):
            key = (*(row[name] for name in place), row["measure"])
            self._found.setdefault(key, []).append(row)
        self.places = list(dict.fromkeys(key[:-1] for key in self._found))

    def text(self, place: tuple[Any, ...], quantity: str) -> str:
        """Return the cell of a quantity; "-" where there is nothing."""
        rows = self._found.get((*place, quantity), [])
        kept = [row for row in rows if row["status"] != Status.SKIPPED]
        if not kept:
            return "-"
        # the mark of the rows that are least plain: none may be hidden behind the others
        worst = max((Status(row["status"]) for row in kept), key=list(Status).index)
        return _cell(_median([row["value"] for row in kept]), worst)

    @property
    def over(self) -> str:
        """What is in the cells that stand for several rows, for the heading; else nothing."""
        several = [rows for rows in self._found.values() if len(rows) > 1]
        if not several:
            return ""
        varied = [
            f"{name}s"
            for name in KEYS
            if any(len({row[name] for row in rows}) > 1 for rows in several)
        ]
        return f", median over {' and '.join(varied) or 'equal rows'}"


def _median(values: list[float]) -> float:
    import numpy as np

    middle = np.sort(values)[(len(values) - 1) // 2 : len(values) // 2 + 1]
    return float(middle.mean())  # of two infinite ones infinite, where interpolating gives NaN


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
    if each.view is not View.LAYERS:
        return ""
    return REDUCTIONS.get(each.shown[0].removeprefix(each.headline), "")


def by_layer(cells: Cells, each: Measure, source: str) -> Table:
    """Return layers down, roles across."""
    roles = sorted(cells.rows["role"].unique(), key=ORDER.__getitem__)
    out = _table(["layer", *roles])
    layers = dict.fromkeys(layer for layer, _ in cells.places)
    for layer in sorted(layers, key=lambda layer: -1 if layer is None else layer):
        line = [cells.text((layer, role), each.shown[0]) for role in roles]
        out.add_row("" if layer is None else str(layer), *line)
    return out


def by_role(cells: Cells, each: Measure, source: str) -> Table:
    """Return roles and layers down, quantities across."""
    layered = any(layer is not None for layer, _ in cells.places)
    out = _table([*(["layer"] if layered else []), "role", *each.shown])
    for layer, role in cells.places:
        lead = ["" if layer is None else str(layer)] if layered else []
        out.add_row(*lead, role, *(cells.text((layer, role), name) for name in each.shown))
    return out


def by_pair(cells: Cells, each: Measure, source: str) -> Table:
    """Return pairs of tokens down, with their texts where a tokenizer lies beside the file."""
    texts = token_texts(source)
    known = ["text", "partner text"] if texts else []
    out = _table(["role", "token", *known[:1], "partner", *known[1:], *each.shown])
    for role, token, partner in cells.places:
        pair: list[str] = []
        for token_id in (token, partner):
            pair.append("-" if token_id is None else str(token_id))
            pair += [] if not texts else ["" if token_id is None else texts[token_id]]
        out.add_row(role, *pair, *(cells.text((role, token, partner), n) for n in each.shown))
    return out


LAYOUTS = {View.LAYERS: by_layer, View.ROLES: by_role, View.PAIRS: by_pair}
PLACES = {
    View.LAYERS: ("layer", "role"),
    View.ROLES: ("layer", "role"),
    View.PAIRS: ("role", "index", "partner"),
}
"""What tells the lines and columns of each layout apart."""


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


def side_by_side(facts: pd.DataFrame, lead: Sequence[str] = ("item",)) -> Table:
    """Return facts with what they are about (the lead) down and checkpoints across.

    A reading that its rule finds wanting says so before its text.
    """
    if "level" in facts:
        wanting = facts["level"].isin([Level.NOTICE, Level.TROUBLE])
        told = facts["level"].astype("str") + ": " + facts["text"]
        facts = facts.assign(text=facts["text"].where(~wanting, told))
    wide = beside(facts, lead)
    names = [str(name) for name in wide]
    out = _table(names if len(lead) > 1 else ["", *names[1:]])
    for line in wide.itertuples(index=False):
        out.add_row(*line)
    return out


def rule_notes(summary: pd.DataFrame) -> Iterator[str]:
    """Yield the rule behind each kind of reading that is a notice or a trouble somewhere."""
    wanting = summary[summary["level"].isin([Level.NOTICE, Level.TROUBLE])]
    for item, rule in dict.fromkeys(zip(wanting["item"], wanting["rule"], strict=True)):
        yield f"{item}: {rule}"


def plain_table(rows: list[dict[str, Any]], columns: list[str]) -> Table:
    """Return rows as they are, in these columns; numbers in four digits."""
    out = _table(columns)
    for row in rows:
        out.add_row(*(_plain(row[name]) for name in columns))
    return out


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)
