"""The footnotes of a figure: what is missing from it and why, and what is only estimated."""

from collections.abc import Iterable
from html import escape
from textwrap import shorten

from ngpt_inspect.figures._cut_table import CutTable, Style, whole
from ngpt_inspect.vocabulary import Kind, Role

MOST_SKIPS = 2
"""Skipped weights named one by one; the table has them all."""
ONLY_IN = {Kind.EIGEN_LEARNING_RATE: "nGPT", Kind.SCALING: "nGPT"}
"""Kinds that one family alone has: their absence from the other is no gap."""
EXPECTED_OF = ONLY_IN | {Kind.GAIN: "GPT"}
"""Kind -> the one family whose models lack it when it is nowhere; others may be sought in any."""
WIDEST = 84
"""Characters of a reason that fit a footnote line of a two-column figure."""


def why_not_drawn(rows: CutTable, roles: Iterable[Role], used: set[str]) -> list[str]:
    """Return one sentence for each thing a reader would look for and not find."""
    roles = rows.sought(roles)
    present = rows.present(roles)
    notes = []
    for style in rows.styles:
        missing = [role for role in roles if not rows.has(style, role)]
        if style.key not in used:
            notes.append(_nothing_of(style, missing, rows.layer))
        else:
            expected = [
                role
                for role in missing
                if role in present
                and role.facts.kind in (Kind.EMBEDDING, Kind.MATRIX)
                and rows.skips(style, role).empty
            ]
            notes += [f"{style.label} has no {_symbols(expected)}."] if expected else []
    nowhere = [
        role
        for role in roles
        if role not in present and all(rows.skips(style, role).empty for style in rows.styles)
    ]
    if nowhere and present and _unexplained(nowhere, rows):
        notes.append(f"Not in these rows: {_symbols(nowhere)}.")
    estimates = [
        f"{style.label}: {role.facts.symbol} estimated from a sample: {_short(reason)}"
        for style in rows.styles
        for role in roles
        for reason in rows.sampled(style, role)
    ]
    return notes + estimates + _skips(rows, roles)


def _nothing_of(style: Style, missing: list[Role], layer: int | None) -> str:
    if layer is not None and layer >= style.n_layers:
        return f"{style.label} has no layer {layer}: its layers are 0 to {style.n_layers - 1}."
    families = {ONLY_IN.get(role.facts.kind) for role in missing} - {None}
    if families and style.family not in families:
        only = " and ".join(sorted(str(family) for family in families))
        return f"{style.label} is a {style.family}: {_symbols(missing)} exist in {only} only."
    return f"{style.label} has {f'none of {_symbols(missing)}' if missing else 'nothing'} here."


def _unexplained(nowhere: list[Role], rows: CutTable) -> bool:
    """Whether a family in the table should have had one of these roles."""
    families = {style.family for style in rows.styles}
    return any(EXPECTED_OF.get(role.facts.kind) in (None, *families) for role in nowhere)


def _skips(rows: CutTable, roles: list[Role]) -> list[str]:
    """Name the first weights that were skipped, unless their family explains it."""
    found = [
        (style, role, row)
        for style in rows.styles
        for role in roles
        if style.family == ONLY_IN.get(role.facts.kind, style.family)
        if not (skips := rows.skips(style, role)).empty
        for row in skips.drop_duplicates(["layer", "expert", "reason"]).to_dict("records")
    ]
    notes = []
    for style, role, row in found[:MOST_SKIPS]:
        layer = whole(row["layer"])
        where = "" if layer is None else f" of layer {layer}"
        reason = _short(str(row["reason"]))
        notes.append(f"{style.label}: {role.facts.symbol}{where} not measured: {reason}")
    if len(found) > MOST_SKIPS:
        notes.append(f"{len(found) - MOST_SKIPS} more not measured: the table says why.")
    return notes


def _short(reason: str) -> str:
    return escape(shorten(reason, WIDEST, placeholder=" …"))


def _symbols(roles: Iterable[Role]) -> str:
    return ", ".join(role.facts.symbol for role in roles)
