"""Tables of what is measured, from the declarations of the measures."""

from __future__ import annotations

from collections.abc import Iterable

from markdown_table import table

from ngpt_inspect.measures import MEASURES, Measure
from ngpt_inspect.vocabulary import Role

ORDER = list(Role)
INSPECTED = sorted(MEASURES.values(), key=lambda each: ORDER.index(each.roles[-1]))
"""Measures by what they are of: embeddings, matrices, learned vectors."""


def commands() -> str:
    """Return a row for each measure: its subcommand, and what it gives."""
    return table(
        ("command", "what it gives"),
        ((f"`{each.command}`", each.summary) for each in INSPECTED),
    )


def quantities() -> str:
    """Return a row for each quantity with its formula, under its measure with its source."""
    rows = []
    for each in INSPECTED:
        rows.append((f"**{each.title}**", f"*{each.source}*"))
        rows += [(f"`{name}`", formula) for name, formula in each.quantities.items()]
    return table(("quantity", "formula"), rows)


def values() -> str:
    """Return a row for each measure: its roles, and what stands in the column `measure`."""
    return table(
        ("measure", "roles", "`measure` values"),
        ((f"`{each.name}`", _roles(each), _quoted(each.quantities)) for each in INSPECTED),
    )


def _roles(measure: Measure) -> str:
    return " ".join(map(str, measure.roles))


def _quoted(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


MAKERS = {"commands": commands, "quantities": quantities, "values of measures": values}
