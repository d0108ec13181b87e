"""Tables of what is measured, from the declarations of the measures."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import getdoc

import numpy as np
from markdown_table import table

from ngpt_inspect.comparing import QUANTITIES
from ngpt_inspect.measures import MEASURES, Measure, Summary
from ngpt_inspect.tables.statistics import STATISTICS
from ngpt_inspect.tables.summaries import summaries_of
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


def other_commands() -> str:
    """Return a row for each command that is no measure."""
    from ngpt_inspect.cli.commands import LOOKING_AROUND

    return table(
        ("command", "what it does"),
        (
            (f"`{name}`", (getdoc(command) or "").partition("\n")[0].rstrip("."))
            for name, command in LOOKING_AROUND.items()
        ),
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


def statistics() -> str:
    """Return a row for the quantities of one kind: their statistics, of a weight and of a role."""
    each, pooled = summaries_of(INSPECTED)
    alike: dict[tuple[str, str], list[str]] = {}
    for name in dict.fromkeys([*each, *pooled]):
        alike.setdefault((_names(each.get(name, ())), _names(pooled.get(name, ()))), []).append(
            name
        )
    return table(
        ("quantity", "of each weight", "over the layers and experts of a role"),
        ((_quoted(names), *cells) for cells, names in alike.items()),
    )


def quantities_of_changes() -> str:
    """Return a row for each quantity of two checkpoints."""
    rows = ((f"`{name}`", formula) for name, formula in QUANTITIES.items())
    return table(("quantity", "formula"), rows)


def _names(kinds: Iterable[Summary]) -> str:
    """Return the statistics of these kinds, as two values have them."""
    found = (name for kind in kinds for name, _ in STATISTICS[kind](np.array([1.0, 2.0])))
    return _quoted(dict.fromkeys(found))


def _roles(measure: Measure) -> str:
    return " ".join(map(str, measure.roles))


def _quoted(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


MAKERS = {
    "other commands": other_commands,
    "commands": commands,
    "quantities": quantities,
    "values of measures": values,
    "statistics of quantities": statistics,
    "quantities of changes": quantities_of_changes,
}
