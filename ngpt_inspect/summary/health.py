"""How healthy a checkpoint is: a few readings of its measures, each with the rule behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures import MEASURES as ALL
from ngpt_inspect.numerics.finite import NON_FINITE
from ngpt_inspect.summary.facts import Fact, Level, frame, rows_of
from ngpt_inspect.tables import parts
from ngpt_inspect.tables.rows import records
from ngpt_inspect.tables.summaries import PLACE
from ngpt_inspect.vocabulary import Kind, Status, roles_of
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

if TYPE_CHECKING:
    import pandas as pd

HEALTH_MEASURES = (
    "eigen_learning_rates",
    "scaling_factors",
    "embedding_norms",
    "unit_norm",
    "condition_numbers",
)
"""What `health` reads, the cheapest first; of a table that has some of them it reads those."""

HEALTH_ITEMS = {
    "NaN or Inf": HEALTH_MEASURES,
    "unit norm": ("unit_norm",),
    "condition number, worst": ("condition_numbers",),
    "rank": ("condition_numbers",),
    "dead rows": ("embedding_norms",),
    **{f"{role}, mean": ("eigen_learning_rates",) for role in roles_of(Kind.EIGEN_LEARNING_RATE)},
}
"""What a checkpoint is looked at for -> the measures that have to be there to tell. Besides these,
`health` says what could not be measured."""

OFF_THE_SPHERE = 0.01
"""A norm further from 1 than this is no rounding and no half precision."""
ILL_CONDITIONED = 1e4
"""From here on the weakest direction of a matrix passes a ten-thousandth of the strongest."""
DEAD_NORM = 0.1
"""Share of the median norm of its matrix below which an embedding row counts as dead."""
MANY_DEAD = 0.01
"""Share of the rows of a matrix; below it lie the rows that pad a vocabulary."""

COLUMNS = [*PLACE, "head", "measure", "value", "status", "reason"]

FINITE = "trouble when any weight holds NaN or Inf"
SPHERE = (
    "nGPT keeps the vectors of embeddings and matrices at length 1: notice when some are not, "
    f"trouble when one is off by {OFF_THE_SPHERE:.0%} or more; no rule for a GPT"
)
DEAD = (
    f"dead: norm zero, or below {DEAD_NORM:.0%} of the median of its matrix; notice from the "
    f"first, trouble above {MANY_DEAD:.0%} of the rows"
)
CONDITION = (
    f"σ_max / σ_min of heads and MLP matrices: notice from {ILL_CONDITIONED:.0e}, trouble when "
    "infinite"
)
RANK = (
    "notice when the stored dtype cannot tell a smallest singular value from zero, trouble when "
    "it is zero to float64 rounding"
)
STEP = (
    "notice when a coordinate is negative (a step away from what the block suggests) or above 1 "
    "(beyond it), trouble when the mean of their sizes is above 1"
)
UNREAD = "notice when a weight that is there could not be measured, or not all of it"


def health(checkpoints: Sequence[WeightSet], table: pd.DataFrame) -> pd.DataFrame:
    """Return the readings of each checkpoint, a row each: item, value, text, level, rule, where.

    Parameters
    ----------
    checkpoints
        Whose readings; labels and steps as in the table.
    table
        Rows of any of `HEALTH_MEASURES` as `measure` gives them, single values included. Nothing is
        measured here: an item whose measure is not in the table is left out.

    Returns
    -------
    DataFrame
        Columns ``checkpoint, step`` and those of `Fact`.
    """
    return frame(
        (checkpoint, fact)
        for checkpoint in checkpoints
        for fact in readings(checkpoint, rows_of(table, checkpoint))
    )


def readings(checkpoint: WeightSet, rows: pd.DataFrame) -> Iterator[Fact]:
    """Yield the readings of one checkpoint from its rows; summary rows are passed over."""
    quantities = [name for each in HEALTH_MEASURES for name in ALL[each].quantities]
    none = rows.iloc[:0]
    # Cut once: an embedding has a row a token, and each reading needs few of all these.
    single = rows.loc[rows["statistic"].isna(), COLUMNS]
    found = dict(list(single.groupby("measure", sort=False)))
    of = {name: found.get(name, none) for name in quantities}
    yield from _finite(checkpoint, [each for each in of.values() if len(each)])
    yield from _hypersphere(checkpoint, of["unit_norm"], of["unit_deviation"])
    yield from _conditions(of["condition_number"])
    yield from _dead_rows(of["embedding_norm"])
    yield from _steps(of["eigen_learning_rate"])


def _finite(checkpoint: WeightSet, tables: Sequence[pd.DataFrame]) -> Iterator[Fact]:
    """Yield how many weights hold NaN or Inf, and which could not be measured at all."""
    import pandas as pd

    if not tables:
        return
    place = ["layer", "role", "expert", "tensor"]
    first_rows = [table.drop_duplicates([*place, "status"]) for table in tables]
    rows = pd.concat(first_rows)
    present = rows[rows["tensor"].notna()]
    n_read = len(present[place].drop_duplicates())
    skips = present[present["status"] == Status.SKIPPED].drop_duplicates([*place, "reason"])
    skips = skips.sort_values("layer", na_position="first", kind="stable")
    broken = skips["reason"].str.contains(NON_FINITE, regex=False)
    bad = skips[broken].drop_duplicates(place)
    unread = [str(role) for role in checkpoint.roles if not (present["role"] == str(role)).any()]
    beside = f"; not read: {', '.join(unread)}" if unread else ""
    first = records(bad.head(1))
    yield Fact(
        item="NaN or Inf",
        text=f"none in {n_read} weights{beside}"
        if bad.empty
        else f"in {len(bad)} of {n_read} weights ({_some(bad)}){beside}",
        value=len(bad),
        level=Level.OK if bad.empty else Level.TROUBLE,
        rule=FINITE,
        measure="unit_norm",
        **_where(first[0] if first else {}),
    )
    others = skips[~broken]
    if len(others):
        yield Fact(
            item="not measured",
            text=f"all or part of {len(others.drop_duplicates(place))} of {n_read} weights "
            f"({_some(others)})",
            value=len(others.drop_duplicates(place)),
            level=Level.NOTICE,
            rule=UNREAD,
            **_where(records(others.head(1))[0]),
        )


def _some(skips: pd.DataFrame) -> str:
    """Return the first reasons, and how many more there are."""
    reasons = list(dict.fromkeys(skips["reason"]))
    more = f"; and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    return "; ".join(reasons[:2]) + more


def _hypersphere(
    checkpoint: WeightSet, flags: pd.DataFrame, deviations: pd.DataFrame
) -> Iterator[Fact]:
    # Nobody says that a matrix without a role is meant to be on it.
    flags, deviations = flags[flags["role"].notna()], deviations[deviations["role"].notna()]
    if flags.empty:
        return
    n_unit, n_all = int(flags["value"].sum()), len(flags)
    worst = records(deviations.loc[[deviations["value"].idxmax()]])[0]
    text = f"{n_unit} of {n_all} matrices (largest deviation {number(worst['value'])})"
    level = Level.OK if checkpoint.family == "nGPT" else None  # nobody else is meant to be
    if checkpoint.family == "GPT":
        text = f"not meant to be: {text}"
    elif checkpoint.family == "nGPT" and n_unit < n_all:
        text = f"{text[:-1]}: {_place(worst)})"
        level = Level.NOTICE if worst["value"] < OFF_THE_SPHERE else Level.TROUBLE
    yield Fact(
        item="unit norm",
        text=text,
        value=n_unit / n_all,
        level=level,
        rule=SPHERE,
        measure="unit_norm",
        **_where(worst),
    )


def _conditions(rows: pd.DataFrame) -> Iterator[Fact]:
    found = parts(rows)
    if found.empty:
        return
    worst = records(found.loc[[found["value"].idxmax()]])[0]
    value = worst["value"]
    level = Level.TROUBLE if value == float("inf") else Level.NOTICE
    yield Fact(
        item="condition number, worst",
        text=f"{number(value)} ({_place(worst)})",
        value=value,
        level=Level.OK if value < ILL_CONDITIONED else level,
        rule=CONDITION,
        measure="condition_numbers",
        **_where(worst),
    )
    lost = found[found["status"] == Status.RANK_DEFICIENT]
    faint = found[found["status"] == Status.BELOW_RESOLUTION]
    counts = [
        f"{len(each)} {name}"
        for each, name in ((lost, "rank deficient"), (faint, "below resolution"))
        if len(each)
    ]
    first = [*records(lost.head(1)), *records(faint.head(1)), {}][0]
    text = f"full in all {len(found)} heads and matrices"
    if counts:
        text = f"{', '.join(counts)} of {len(found)} heads and matrices, first {_place(first)}"
    yield Fact(
        item="rank",
        text=text,
        value=len(lost) + len(faint),
        level=Level.TROUBLE if len(lost) else Level.NOTICE if len(faint) else Level.OK,
        rule=RANK,
        measure="condition_numbers",
        **_where(first),
    )


def _dead_rows(rows: pd.DataFrame) -> Iterator[Fact]:
    norms = rows[rows["status"] != Status.SKIPPED]
    if norms.empty:
        return
    dead, most, texts = 0, 0.0, []
    first: dict[str, Any] = {}
    for role, group in norms.groupby("role", sort=False):
        values = group["value"].to_numpy()
        count = int(((values == 0) | (values < DEAD_NORM * group["value"].median())).sum())
        if count:
            texts.append(f"{count:,} of {len(values):,} in {role}")
            first = first or {"role": role}
        dead, most = dead + count, max(most, count / len(values))
    level = Level.TROUBLE if most > MANY_DEAD else Level.NOTICE
    yield Fact(
        item="dead rows",
        text=", ".join(texts) or f"none in {len(norms):,} embeddings",
        value=dead,
        level=level if dead else Level.OK,
        rule=DEAD,
        measure="embedding_norms",
        **_where(first),
    )


def _steps(rows: pd.DataFrame) -> Iterator[Fact]:
    rates = rows[rows["status"] != Status.SKIPPED]
    for role in roles_of(Kind.EIGEN_LEARNING_RATE):
        values = rates.loc[rates["role"] == str(role), "value"]
        if values.empty:
            continue
        mean = float(values.abs().mean())
        counts = ((int((values < 0).sum()), "negative"), (int((values > 1).sum()), "above 1"))
        odd = [f"{count:,} of {len(values):,} {name}" for count, name in counts if count]
        yield Fact(
            item=f"{role}, mean",
            text=number(mean) + (f" ({', '.join(odd)})" if odd else ""),
            value=mean,
            level=Level.TROUBLE if not mean <= 1 else Level.NOTICE if odd else Level.OK,
            rule=STEP,
            measure="eigen_learning_rates",
            role=str(role),
        )


def _place(row: dict[str, Any]) -> str:
    """Return where a row was found: ``W_q layer 3 head 1``."""
    named = (f"{key} {row[key]}" for key in ("layer", "expert", "head") if row[key] is not None)
    return " ".join([row["role"] or row["tensor"], *named])


def _where(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row.get(key) for key in ("role", "layer", "head")}
