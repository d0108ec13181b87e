"""One screen on one or several checkpoints: how large, how far trained, how healthy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.rules import Rules, in_force
from ngpt_inspect.summary.facts import Fact, frame, header_facts, loss_facts
from ngpt_inspect.summary.health import readings
from ngpt_inspect.tables import Progress, Source, measure, opened, parts
from ngpt_inspect.tables.rows import of_series, rows_of
from ngpt_inspect.vocabulary import Kind, Series, Status, roles_of
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

AVERAGED = ("scaling_factors", "condition_numbers")
"""Measures whose averages are shown whatever the rules read."""


def summary(
    sources: Source | Sequence[Source],
    *,
    rules: Rules | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the facts that tell checkpoints apart, and how healthy each is.

    Columns ``checkpoint, step`` and those of `Fact`: sizes, tokens, validation loss at the last
    step that all the runs have evaluated, median condition numbers (heads for attention, whole
    matrices for the MLP), mean sizes of scaling factors; then the items of `health`, each with
    a level and the rule that decides it: of `rules`, by default those in force.

    Raises
    ------
    InspectError
        As `measure`.
    """
    checkpoints = distinct(opened(sources))
    taken = in_force() if rules is None else rules
    table = measure(checkpoints, summary_measures(taken), device=device, progress=progress)
    return summary_of(checkpoints, table, taken)


def summary_measures(rules: Rules | None = None) -> list[str]:
    """Return the measures that `summary_of` reads by these rules, by default those in force."""
    taken = in_force() if rules is None else rules
    return list(dict.fromkeys([*taken.health_measures, *AVERAGED]))


def summary_of(
    checkpoints: Sequence[WeightSet], table: pd.DataFrame, rules: Rules | None = None
) -> pd.DataFrame:
    """Return what `summary` does, of checkpoints measured before: nothing is measured here.

    Parameters
    ----------
    checkpoints
        Whose facts; labels and steps as in the table.
    table, rules
        As `health` takes them.
    """
    taken = in_force() if rules is None else rules
    facts = []
    for checkpoint, loss in zip(checkpoints, loss_facts(checkpoints), strict=True):
        mine = rows_of(table, checkpoint)
        lines = (
            *header_facts(checkpoint),
            *loss,
            *_averages(mine),
            *readings(checkpoint, mine, taken),
        )
        facts += [(checkpoint, fact) for fact in lines]
    out = frame(facts)
    out.attrs = table.attrs
    return out


def _averages(rows: pd.DataFrame) -> Iterator[Fact]:
    """Yield the median condition number and the mean size of the scaling factors of each role."""
    found = parts(of_series(rows, Series("condition_number")))
    for role, group in found.groupby("role", sort=False):
        value = float(group["value"].median())
        yield Fact(item=f"condition number {role}, median", text=number(value), value=value)
    factors = of_series(rows, Series("scaling_factor"))
    factors = factors[factors["status"] != Status.SKIPPED]
    for role in roles_of(Kind.SCALING):
        values = factors.loc[factors["role"] == str(role), "value"]
        if len(values):
            value = float(values.abs().mean())  # signs are free: see the measure
            yield Fact(item=f"{role}, mean |.|", text=number(value), value=value)
