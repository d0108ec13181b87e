"""Tables for reading: the summary rows of a measure, laid out for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.cli.lines import TextTable
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES, Measure, View
from ngpt_inspect.tables.cells import Cell, Cells, cells_of
from ngpt_inspect.tables.rows import Entry, Measured, entries_at
from ngpt_inspect.tokens import token_texts
from ngpt_inspect.vocabulary import Role, Status
from ngpt_inspect.wording import at_step, number

if TYPE_CHECKING:
    from rich.console import Group

MARKS = {
    Status.BELOW_RESOLUTION: ("~", "below what the stored dtype resolves"),
    Status.SAMPLED: ("≈", "from a sample"),
    Status.RANK_DEFICIENT: ("", "inf: rank deficient"),
}
"""What is put before a number that is not simply `ok`, and the legend below the table."""

WORDS = {"abs_mean": "mean of |.|"}
"""What a heading calls a statistic, where it is not its name."""

ORDER = {str(role): rank for rank, role in enumerate(Role)}


def views(table: Measured) -> Iterator[Group]:
    """Yield a heading with its table for each measure and checkpoint that was measured."""
    from rich.console import Group

    for name in table.facts["measures"]:
        each = MEASURES[name]
        for checkpoint in table.facts["checkpoints"]:
            mine = entries_at(table.entries, checkpoint["label"], checkpoint["step"])
            for view, entries in by_view(mine, each.view):
                columns = [cells_of(entries, shown, PLACES[view]) for shown in each.shown]
                if any(column.by_place for column in columns):
                    lines = LAYOUTS[view](columns, checkpoint["source"])
                    yield Group(heading(checkpoint, each, columns), lines, *_legend(columns))


def by_view(entries: Sequence[Entry], view: View) -> Iterator[tuple[View, list[Entry]]]:
    """Yield what has a role, in its view, and what has none, under the names of its tensors."""
    yield view, [entry for entry in entries if entry["role"] is not None]
    yield View.TENSORS, [entry for entry in entries if entry["role"] is None]


def _legend(columns: Sequence[Cells]) -> list[str]:
    """Return a line for the marks that stand before numbers, if there are any."""
    found = {cell.status for column in columns for cell in column.by_place.values()}
    meanings = [
        f"{mark} {meaning}".strip() for status, (mark, meaning) in MARKS.items() if status in found
    ]
    return [", ".join(meanings)] if meanings else []


def heading(checkpoint: dict[str, Any], each: Measure, columns: Sequence[Cells]) -> str:
    """Return the line above a table: which checkpoint, and what is in the cells."""
    named = at_step(checkpoint["label"], checkpoint["step"])
    kind = f"{named} ({checkpoint['architecture']})"
    of = columns[0].name.measure
    is_all = each.view is not View.LAYERS or of in each.name
    what = each.title.lower() if is_all else f"{of.replace('_', ' ')} of {each.title.lower()}"
    return f"{kind}: {what}{_reduction(each, columns)}"


def _reduction(each: Measure, columns: Sequence[Cells]) -> str:
    """Say what a cell is of the rows it stands for."""
    over = list(dict.fromkeys(name for column in columns for name in column.over))
    said = [name for name in over if name in ("experts", "tensors")]
    if "heads" in over and "values" not in over:
        said.insert(0, "heads")
    words = f" over {' and '.join(said)}" if said else ""
    if "heads" in said:
        words += " (whole matrix where there are none)"
    if each.view is not View.LAYERS:
        return f",{words}" if words else ""
    (column,) = columns
    statistic = column.name.statistic
    return f", {WORDS.get(statistic or '', statistic)}{words}" if over else ""


def by_layer(columns: Sequence[Cells], source: str) -> TextTable:
    """Return layers down, roles across."""
    (column,) = columns
    found = column.by_place
    roles = sorted({role for _, role in found}, key=ORDER.__getitem__)
    out = TextTable(["layer", *roles])
    for layer in sorted({layer for layer, _ in found}, key=lambda n: -1 if n is None else n):
        cells = [_cell(found.get((layer, role))) for role in roles]
        out.add_row("" if layer is None else str(layer), *cells)
    return out


def by_role(columns: Sequence[Cells], source: str) -> TextTable:
    """Return roles and layers down, quantities across."""
    places = list(dict.fromkeys(place for column in columns for place in column.by_place))
    layered = any(layer is not None for layer, _ in places)
    out = TextTable([*(["layer"] if layered else []), "role", *(str(c.name) for c in columns)])
    for layer, role in places:
        lead = ["" if layer is None else str(layer)] if layered else []
        out.add_row(*lead, role, *(_cell(c.by_place.get((layer, role))) for c in columns))
    return out


def by_pair(columns: Sequence[Cells], source: str) -> TextTable:
    """Return pairs of tokens down, with their texts where a tokenizer lies beside the file."""
    texts = token_texts(source)
    known = ["text", "partner text"] if texts else []
    names = [str(column.name) for column in columns]
    out = TextTable(["role", "token", *known[:1], "partner", *known[1:], *names])
    for role, *pair in dict.fromkeys(place for column in columns for place in column.by_place):
        told: list[str] = []
        for token_id in pair:
            told.append("-" if token_id is None else str(token_id))
            told += [] if not texts else ["" if token_id is None else texts[token_id]]
        out.add_row(role, *told, *(_cell(c.by_place.get((role, *pair))) for c in columns))
    return out


def by_tensor(columns: Sequence[Cells], source: str) -> TextTable:
    """Return the names of tensors without a role down, quantities across."""
    out = TextTable(["tensor", *(str(c.name) for c in columns)])
    for place in dict.fromkeys(place for column in columns for place in column.by_place):
        out.add_row(str(place[0]), *(_cell(c.by_place.get(place)) for c in columns))
    return out


LAYOUTS = {View.TENSORS: by_tensor, View.LAYERS: by_layer, View.ROLES: by_role, View.PAIRS: by_pair}
PLACES = {
    View.TENSORS: ("tensor",),
    View.LAYERS: ("layer", "role"),
    View.ROLES: ("layer", "role"),
    View.PAIRS: ("role", "index", "partner"),
}
"""The columns that name a cell, beside its quantity."""


def _cell(cell: Cell | None) -> str:
    return "-" if cell is None else MARKS.get(cell.status, ("", ""))[0] + number(cell.value)


def coverage_notes(facts: Mapping[Any, Any]) -> Iterator[str]:
    """Yield what was measured, what was skipped and why, and what was assumed."""
    yield from facts["remarks"]
    for checkpoint in facts["checkpoints"]:
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


def side_by_side(facts: pd.DataFrame, lead: Sequence[str] = ("item",)) -> TextTable:
    """Return facts with what they are about (the lead) down and checkpoints across.

    A reading that its rule finds wanting says so before its text.
    """
    from ngpt_inspect.summary import Level, beside

    if "level" in facts:
        wanting = facts["level"].isin([Level.NOTICE, Level.TROUBLE])
        told = facts["level"].astype("str") + ": " + facts["text"]
        facts = facts.assign(text=facts["text"].where(~wanting, told))
    wide = beside(facts, lead)
    names = [str(name) for name in wide]
    out = TextTable(names if len(lead) > 1 else ["", *names[1:]])
    for line in wide.itertuples(index=False):
        out.add_row(*line)
    return out


def rule_notes(summary: pd.DataFrame) -> Iterator[str]:
    """Yield the rule behind each kind of reading that is a notice or a trouble somewhere."""
    from ngpt_inspect.summary import Level

    wanting = summary[summary["level"].isin([Level.NOTICE, Level.TROUBLE])]
    for item, rule in dict.fromkeys(zip(wanting["item"], wanting["rule"], strict=True)):
        yield f"{item}: {rule}"
