"""How healthy a checkpoint is: a few readings of its measures, each with the rule behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import MEASURES as ALL
from ngpt_inspect.rules import (
    CheckRule,
    Outcome,
    Rules,
    Severity,
    Subject,
    Verdict,
    in_force,
    judge,
)
from ngpt_inspect.rules import shipped as shipped_rules
from ngpt_inspect.rules.judging import place_of
from ngpt_inspect.summary.facts import Fact, Level, frame
from ngpt_inspect.tables import parts
from ngpt_inspect.tables.rows import records, rows_of
from ngpt_inspect.tables.summaries import PLACE
from ngpt_inspect.vocabulary import RATES, Status
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

COLUMNS = [*PLACE, "head", "index", "measure", "statistic", "value", "status", "reason"]
LEVELS = {Severity.WARNING: Level.NOTICE, Severity.ERROR: Level.TROUBLE}
"""What a broken rule makes of a reading."""

UNMEASURED = "not measured"
Found = Mapping[str, Any]
"""Rows by quantity; an empty table for one that was not measured."""


def health_measures(rules: Rules | None = None) -> tuple[str, ...]:
    """Return what `health` reads, the cheapest first; of a table with some of them it reads those.

    Parameters
    ----------
    rules
        By default those in force.
    """
    return (in_force() if rules is None else rules).health_measures


HEALTH_MEASURES = health_measures(shipped_rules())
"""What `health` reads by the rules that are shipped."""


def health(
    checkpoints: Sequence[WeightSet], table: pd.DataFrame, rules: Rules | None = None
) -> pd.DataFrame:
    """Return the readings of each checkpoint, a row each: item, value, text, level, rule, where.

    Parameters
    ----------
    checkpoints
        Whose readings; labels and steps as in the table.
    table
        Rows of any of `health_measures` as `measure` gives them, single values included. Nothing is
        measured here: an item whose measure is not in the table is left out.
    rules
        Which items there are and when each is a notice or trouble; by default those in force.

    Returns
    -------
    DataFrame
        Columns ``checkpoint, step`` and those of `Fact`.
    """
    taken = in_force() if rules is None else rules
    return frame(
        (checkpoint, fact)
        for checkpoint in checkpoints
        for fact in readings(checkpoint, rows_of(table, checkpoint), taken)
    )


def readings(checkpoint: WeightSet, rows: pd.DataFrame, rules: Rules) -> Iterator[Fact]:
    """Yield the readings of one checkpoint from its rows; summary rows are passed over.

    What an item says has words of its own where it is known here, and those of its worst rule
    otherwise; the level is that of the rules alone.
    """
    # Cut once: an embedding has a row a token, and each reading needs few of all these.
    single = rows.loc[rows["statistic"].isna(), COLUMNS]
    mine = [rule for rule in rules if rule.item is not None]
    verdicts = judge(mine, Subject(checkpoint, single))
    by_item: dict[str, list[Verdict]] = {}
    for each in verdicts:
        by_item.setdefault(str(each.rule.item), []).append(each)
    found = dict(list(single.groupby("measure", sort=False)))
    none = single.iloc[:0]
    of = {name: found.get(name, none) for each in ALL.values() for name in each.quantities}
    for item in sorted(by_item, key=_reading_order):
        yield from READERS.get(item, _worst)(checkpoint, of, by_item[item])


def _reading_order(item: str) -> int:
    return list(READERS).index(item) if item in READERS else len(READERS)


def _level(verdicts: Sequence[Verdict], role: str | None = None) -> Level:
    """Return the worst that broken rules make of a reading, of all roles or of one."""
    levels = [
        LEVELS[each.rule.severity]
        for each in verdicts
        if any(role is None or row.get("role") == role for row in each.broken)
    ]
    return max(levels, key=list(Level).index, default=Level.OK)


def sentence(rules: Sequence[CheckRule]) -> str:
    """Return when the rules of an item are broken, in one sentence."""
    lead = next((f"{rule.lead}: " for rule in rules if rule.about), "")
    milder_first = sorted(rules, key=lambda rule: rule.severity is Severity.ERROR)
    return lead + ", ".join(f"{LEVELS[rule.severity]} {rule.words}" for rule in milder_first)


def _reading(
    verdicts: Sequence[Verdict],
    text: str,
    value: float | None,
    measure: str,
    where: Mapping[str, Any],
    **said: Any,
) -> Fact:
    """Return what an item says, with what its rules make of it and where it was found."""
    told: dict[str, Any] = {
        "item": str(verdicts[0].rule.item),
        "level": _level(verdicts),
        "rule": sentence([each.rule for each in verdicts]),
        **{key: where.get(key) for key in ("role", "layer", "head")},
    }
    return Fact(text=text, value=value, measure=measure, **(told | said))


def _worst(_: WeightSet, __: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    """Yield what the worst rule of an item says: the reading of an item nobody wrote words for."""
    judged = [each for each in verdicts if each.outcome is not Outcome.OPEN]
    if not judged:
        return
    levels = list(Level)

    def rank(each: Verdict) -> tuple[bool, int]:
        return each.outcome is Outcome.BROKEN, levels.index(LEVELS[each.rule.severity])

    worst = max(judged, key=rank)
    measure = worst.rule.measure[0] if worst.rule.measure else ""
    where = worst.broken[0] if worst.broken else {}
    yield _reading(verdicts, worst.text, worst.value, measure, where)


def _finite(checkpoint: WeightSet, of: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    """Yield how many weights hold NaN or Inf."""
    n_read, bad = verdicts[0].judged, _by_layer(verdicts)
    if not n_read:
        return
    tables = [of[quantity] for quantity in verdicts[0].rule.quantities]
    read = {role for rows in tables for role in rows.loc[rows["tensor"].notna(), "role"].unique()}
    unread = [str(role) for role in checkpoint.roles if str(role) not in read]
    found = f"in {len(bad)} of {n_read} weights ({_some(bad)})"
    text = found if bad else f"none in {n_read} weights"
    text += f"; not read: {', '.join(unread)}" if unread else ""
    yield _reading(verdicts, text, len(bad), "unit_norm", bad[0] if bad else {})


def _unmeasured(_: WeightSet, __: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    """Yield which weights could not be measured at all, where there are any."""
    others = _by_layer(verdicts)
    if others:
        of = f"{len(others)} of {verdicts[0].judged} weights"
        text = f"all or part of {of} ({_some(others)})"
        yield _reading(verdicts, text, len(others), "", others[0])


def _by_layer(verdicts: Sequence[Verdict]) -> list[Mapping[str, Any]]:
    """Return the weights that break rules, those outside the layers first."""
    found = [row for each in verdicts for row in each.broken]
    return sorted(found, key=lambda row: -1 if row["layer"] is None else row["layer"])


def _some(skips: Sequence[Mapping[str, Any]]) -> str:
    """Return the first reasons, and how many more there are."""
    reasons = list(dict.fromkeys(row["reason"] for row in skips))
    more = f"; and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    return "; ".join(reasons[:2]) + more


def _hypersphere(checkpoint: WeightSet, of: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    flags, deviations = of["unit_norm"], of["unit_deviation"]
    # Nobody says that a matrix without a role is meant to be on it.
    flags, deviations = flags[flags["role"].notna()], deviations[deviations["role"].notna()]
    if flags.empty:
        return
    n_unit, n_all = int(flags["value"].sum()), len(flags)
    worst = records(deviations.loc[[deviations["value"].idxmax()]])[0]
    text = f"{n_unit} of {n_all} matrices (largest deviation {number(worst['value'])})"
    ruled = any(each.outcome is not Outcome.OPEN for each in verdicts)
    level = _level(verdicts) if ruled else None  # only nGPT is meant to be
    if checkpoint.family == "GPT":
        text = f"not meant to be: {text}"
    elif level not in (Level.OK, None):
        text = f"{text[:-1]}: {place_of(worst)})"
    yield _reading(verdicts, text, n_unit / n_all, "unit_norm", worst, level=level)


def _condition(_: WeightSet, of: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    found = parts(of["condition_number"])
    if found.empty:
        return
    worst = records(found.loc[[found["value"].idxmax()]])[0]
    text = f"{number(worst['value'])} ({place_of(worst)})"
    yield _reading(verdicts, text, worst["value"], "condition_numbers", worst)


def _rank_of(_: WeightSet, __: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    judged = max(each.judged for each in verdicts)
    if not judged:
        return
    worst_first = sorted(verdicts, key=lambda each: each.rule.severity is not Severity.ERROR)
    broken = [each for each in worst_first if each.broken]
    first = broken[0].broken[0] if broken else {}
    text = f"full in all {judged} heads and matrices"
    if broken:
        names = ((each, each.rule.status or each.rule.name) for each in broken)
        counts = (f"{len(each.broken)} {name.replace('_', ' ')}" for each, name in names)
        text = f"{', '.join(counts)} of {judged} heads and matrices, first {place_of(first)}"
    n_broken = sum(len(each.broken) for each in broken)
    yield _reading(verdicts, text, n_broken, "condition_numbers", first)


def _dead_rows(_: WeightSet, of: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    norms = of["embedding_norm"]
    norms = norms[norms["status"] != Status.SKIPPED]
    if norms.empty:
        return
    dead = max((each.broken for each in verdicts), key=len)
    roles = [row["role"] for row in dead]
    sizes = norms.groupby("role", sort=False).size()
    texts = [
        f"{roles.count(role):,} of {size:,} in {role}"
        for role, size in sizes.items()
        if role in roles
    ]
    first = next((role for role in sizes.index if role in roles), None)
    text = ", ".join(texts) or f"none in {len(norms):,} embeddings"
    yield _reading(verdicts, text, len(dead), "embedding_norms", {"role": first})


def _steps(_: WeightSet, of: Found, verdicts: Sequence[Verdict]) -> Iterator[Fact]:
    rates = of["eigen_learning_rate"]
    rates = rates[rates["status"] != Status.SKIPPED]
    for role in RATES:
        values = rates.loc[rates["role"] == str(role), "value"]
        if values.empty:
            continue
        mean = float(values.abs().mean())
        counts = ((int((values < 0).sum()), "negative"), (int((values > 1).sum()), "above 1"))
        odd = [f"{count:,} of {len(values):,} {name}" for count, name in counts if count]
        text = number(mean) + (f" ({', '.join(odd)})" if odd else "")
        said = {"item": f"{role}, mean", "level": _level(verdicts, str(role))}
        where = {"role": str(role)}
        yield _reading(verdicts, text, mean, "eigen_learning_rates", where, **said)


READERS: dict[str, Callable[[WeightSet, Found, Sequence[Verdict]], Iterator[Fact]]] = {
    "NaN or Inf": _finite,
    UNMEASURED: _unmeasured,
    "unit norm": _hypersphere,
    "condition number, worst": _condition,
    "rank": _rank_of,
    "dead rows": _dead_rows,
    "{role}, mean": _steps,
}
"""Items that have words of their own, in the order in which they are read."""


def health_items(rules: Rules | None = None) -> dict[str, tuple[str, ...]]:
    """Return what a checkpoint is looked at for -> the measures that have to be there to tell.

    Besides these, `health` says what could not be measured.

    Parameters
    ----------
    rules
        By default those in force.
    """
    found: dict[str, tuple[str, ...]] = {}
    taken = [rule for rule in (in_force() if rules is None else rules) if rule.item is not None]
    for rule in sorted(taken, key=lambda rule: _reading_order(str(rule.item))):
        roles = rule.roles or [str(role) for each in rule.measure for role in ALL[each].roles]
        one_a_role = "{role}" in str(rule.item)
        for item in (str(rule.item).format(role=role) for role in (roles if one_a_role else [""])):
            found[item] = tuple(dict.fromkeys((*found.get(item, ()), *rule.measure)))
    found.pop(UNMEASURED, None)
    return found
