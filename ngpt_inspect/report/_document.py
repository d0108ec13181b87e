"""The page: what is told, in HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ngpt_inspect.comparing import CHANGES, QUANTITIES
from ngpt_inspect.environment import environment
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES, Measure
from ngpt_inspect.plotting import Pictured
from ngpt_inspect.report._bundle import bundle, library
from ngpt_inspect.report._changed import changes_told
from ngpt_inspect.report._markup import (
    anchor,
    escaped,
    file_beside,
    html_table,
    listed,
    typeset,
)
from ngpt_inspect.summary import Level, beside
from ngpt_inspect.tables.rows import rows_of
from ngpt_inspect.vocabulary import Kind, roles_of
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import at_step, number

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
"""What the browser is told: nothing may be loaded from anywhere, whatever the file holds."""
CARD = ("family", "size", "parameters", "stored as", "tokens")
"""The facts of a card, and besides those the validation loss."""
UNITS = (
    "Weights have no unit, so numbers computed from them have none: norms, condition numbers and "
    "rates are plain numbers, ranks are counts of directions. Losses are in nats a token."
)
VALUES = (
    "Values are effective values, as the model uses them, in float64 of the exact stored numbers."
)
UNDRAWN = "The script in this file draws the figure here."


@dataclass(frozen=True, kw_only=True)
class Told:
    """Everything the page says."""

    checkpoints: Sequence[WeightSet]
    colors: Sequence[str]
    facts: pd.DataFrame
    """As `summary` returns them."""
    differences: pd.DataFrame | None
    """As `differences` returns them; None for a single checkpoint."""
    changed: pd.DataFrame | None
    """As `changes` returns it; None where nothing was compared."""
    measures: Sequence[Measure]
    figures: Sequence[Pictured]
    origin: Mapping[str, Any]
    """As a table's `attrs` have it."""
    remarks: Sequence[str]


def document(told: Told) -> str:
    """Return the page, whole."""
    parts = dict(_parts(told))
    links = "".join(f'<a href="#{anchor(name)}">{escape(name)}</a>' for name in parts)
    sections = "".join(
        f'<section id="{anchor(name)}"><h2>{escape(name)}</h2>{body}</section>'
        for name, body in parts.items()
    )
    title = " and ".join(each.label for each in told.checkpoints)
    drawn = [
        f'<script type="text/plain" id="plotly">{library()}</script>',
        f'<script type="text/plain" id="figures">{bundle(told.figures)}</script>',
        f"<script>{file_beside('page.js')}</script>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="{escape(told.origin["tool"])}">'
        f"<title>{escape(title)}</title><style>{file_beside('page.css')}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p class='faint'>What the files say, by "
        f"{escape(told.origin['tool'])}. This page is complete: it loads nothing.</p>"
        f"<nav>{links}</nav></header><main>{sections}</main>"
        f"{''.join(drawn if told.figures else ())}</body></html>\n"
    )


def _parts(told: Told) -> Iterator[tuple[str, str]]:
    """Yield the sections by their headings."""
    yield "Checkpoints", "".join(_cards(told))
    readings = told.facts[told.facts["level"].notna()]
    if len(readings):
        yield "Health", _health(readings)
    numbers = told.facts[told.facts["level"].isna() & ~_on_cards(told.facts)]
    if len(numbers):
        yield "In numbers", _wide(numbers, ("item",))
    grouped = _grouped(told.figures)
    of_changes = grouped.pop("Changes", [])
    for heading, figures in grouped.items():
        yield heading, "".join(map(_figure, figures))
    if told.differences is not None:
        yield "Differences", _differences(told.differences)
    if told.changed is not None:
        yield "Changes", "".join([*map(_figure, of_changes), *changes_told(told.changed)])
    yield "What was assumed, and what is missing", "".join(_assumed(told))
    yield "How each number is computed", "".join(_computed(told))
    yield "Where the numbers come from", "".join(_origin(told))


def _cards(told: Told) -> Iterator[str]:
    yield '<div class="cards">'
    for checkpoint, color in zip(told.checkpoints, told.colors, strict=True):
        mine = rows_of(told.facts, checkpoint)
        shown = mine[_on_cards(mine)]
        levels = [str(level) for level in mine["level"].dropna()]
        counts = {name: levels.count(name) for name in (Level.TROUBLE, Level.NOTICE)}
        words = [f'<span class="{name}">{n} {name}</span>' for name, n in counts.items() if n]
        health = ", ".join(words) or '<span class="ok">nothing to report</span>'
        lines = [
            (escaped(row.item), escaped(row.text))
            for row in shown.itertuples()
            if row.item != "step"
        ]
        yield (
            f'<article class="card" style="border-left-color:{color}">'
            f"<h3>{escape(at_step(checkpoint.label, checkpoint.step))}</h3>"
            f"{listed([*lines, ('health', health)])}</article>"
        )
    yield "</div>"


def _on_cards(facts: pd.DataFrame) -> pd.Series[bool]:
    return facts["item"].isin((*CARD, "step")) | facts["item"].str.startswith("validation loss")


def _health(readings: pd.DataFrame) -> str:
    """Return items down, checkpoints across, and below each item the rule that decides it."""
    columns = list(dict.fromkeys(zip(readings["checkpoint"], readings["step"], strict=True)))
    rows = []
    for item, group in readings.groupby("item", sort=False):
        cells = {
            (row.checkpoint, row.step): f'<span class="level {row.level}">{row.level}</span> '
            f"{escaped(row.text)}"
            for row in group.itertuples()
        }
        rule = typeset(str(group["rule"].iloc[0]))
        head = f'{escape(str(item))}<span class="rule">{rule}</span>'
        rows.append((head, [cells.get(column, "-") for column in columns]))
    return html_table("what is looked at, and the rule", [at_step(*each) for each in columns], rows)


def _wide(facts: pd.DataFrame, lead: tuple[str, ...]) -> str:
    wide = beside(facts, lead)
    columns = [str(name) for name in wide][len(lead) :]
    rows = [
        (
            ": ".join(map(escaped, line[: len(lead)])),
            list(map(escaped, line[len(lead) :])),
        )
        for line in wide.itertuples(index=False)
    ]
    return html_table("", columns, rows)


def _differences(table: pd.DataFrame) -> str:
    differ, agree = table.attrs["differ"], table.attrs["agree"]
    said = f"<p>{differ} recorded facts differ, {agree} agree.</p>"
    return said + (_wide(table, ("group", "item")) if differ else "")


def _grouped(figures: Iterable[Pictured]) -> dict[str, list[Pictured]]:
    """Return the figures under headings: by their table, or what their first measure is of."""
    learned = {*roles_of(Kind.EIGEN_LEARNING_RATE), *roles_of(Kind.SCALING)}
    found: dict[str, list[Pictured]] = {
        name: [] for name in ("Training", "Embeddings", "Matrices", "Rates and scales", "Changes")
    }
    for each in figures:
        needs = each.figure.needs
        roles = set(MEASURES[needs[0]].roles) if needs else set()
        heading = (
            "Changes"
            if each.figure.results == CHANGES
            else "Training"
            if not needs
            else "Rates and scales"
            if roles & learned
            else "Matrices"
            if roles & set(roles_of(Kind.MATRIX))
            else "Embeddings"
        )
        found[heading].append(each)
    return {name: these for name, these in found.items() if these}


def _figure(each: Pictured) -> str:
    figure = each.figure
    formula = f"<p>Computed: {typeset(figure.formula)}</p>" if figure.formula else ""
    notes = " ".join(each.notes)
    words = " ".join([figure.title, figure.summary, notes]).strip()
    height = round(each.wide.layout.height)
    return (
        f'<h3 id="figure-{figure.name}">{escape(figure.title)}</h3><figure>'
        f'<div class="plot" data-figure="{figure.name}" role="img" aria-label="{escape(words)}" '
        f'style="height:{height}px">{UNDRAWN}</div>'
        f"<figcaption><p>{typeset(figure.summary)}</p>{formula}"
        f"<p>Source: {typeset(figure.source)}.</p></figcaption></figure>"
    )


def _assumed(told: Told) -> Iterator[str]:
    for remark in told.remarks:
        yield f"<p>{escape(remark)}</p>"
    for facts in told.origin["checkpoints"]:
        yield f"<h3>{escape(at_step(facts['label'], facts['step']))}</h3>"
        constants = [
            (escape(each["name"]), f"{number(each['value'])}, {escape(each['origin'])}")
            for each in facts["constants"]
        ]
        yield listed(constants) if constants else "<p>No constants are involved.</p>"
        covered = facts["coverage"]
        lines = [f"{covered['measured']} of {covered['weights']} weights measured."]
        lines += [f"{n} numbers skipped: {why}." for why, n in covered["skipped"].items()]
        reasons = dict.fromkeys(covered["absent"].values())
        for reason in reasons:
            roles = ", ".join(role for role, why in covered["absent"].items() if why == reason)
            lines.append(f"no {roles}: {reason}.")
        names = facts["unrecognised"]
        lines += [f"{len(names)} tensors not recognised, such as {names[0]}."] if names else []
        lines += list(facts["notes"])
        yield "".join(f"<p>{escape(line)}</p>" for line in lines)


def _computed(told: Told) -> Iterator[str]:
    yield f"<p>{UNITS}</p><p>{VALUES}</p>"
    for each in told.measures:
        yield (
            f"<h3>{escape(each.title)}</h3><p class='faint'>{escape(each.summary)}. "
            f"Source: {escape(each.source)}.</p>{_formulas(each.quantities)}{_read_as(each)}"
        )
    if told.changed is not None:
        yield f"<h3>Changes</h3>{_formulas(QUANTITIES)}"


def _formulas(quantities: Mapping[str, str]) -> str:
    broken = {name: name.replace("_", "_<wbr>") for name in quantities}  # between words alone
    return listed((f"<code>{broken[name]}</code>", escape(quantities[name])) for name in broken)


def _read_as(each: Measure) -> str:
    """Say what numbers are usual and which are alarming, where the measure knows."""
    told = [(name, escape(str(getattr(each, name)))) for name in ("usual", "alarming", "random")]
    return "".join(f"<p class='small'><b>{name}</b>: {text}.</p>" for name, text in told if text)


def _origin(told: Told) -> Iterator[str]:
    for facts in told.origin["checkpoints"]:
        lines = {"file": facts["source"], "fingerprint": facts["fingerprint"]}
        yield f"<h3>{escape(at_step(facts['label'], facts['step']))}</h3>"
        yield listed([(name, f"<code>{escape(str(text))}</code>") for name, text in lines.items()])
    yield "<h3>Made with</h3>"
    sources = " ".join(each.contents.source for each in told.checkpoints)
    machine = environment()
    made = {"command": f"ngpt-inspect report {sources}"} | {
        name: machine[name]
        for name in ("ngpt-inspect", "python", "torch", "numpy")
        if name in machine
    }
    yield listed([(name, f"<code>{escape(text)}</code>") for name, text in made.items()])
    settings = json.dumps(told.origin["settings"], indent=1, default=str, ensure_ascii=False)
    yield (
        f"<details><summary>Settings</summary><pre><code>{escape(settings)}</code></pre></details>"
    )
