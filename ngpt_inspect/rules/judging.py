"""Rules applied to the rows of one checkpoint: which are kept, which are broken, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.numerics.finite import NON_FINITE
from ngpt_inspect.rules.rule import ANY_ROLE, COMPARISONS, Against, CheckRule, RowState, Scope
from ngpt_inspect.tables.rows import records
from ngpt_inspect.tables.statistics import SCALARS
from ngpt_inspect.tables.summaries import PLACE, WIDER, groups, parts, trust
from ngpt_inspect.vocabulary import SEVERAL, Status
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

SCOPES = {Scope.WEIGHT: PLACE, Scope.ROLE: WIDER, Scope.MODEL: PLACE[:3]}
SPOT = (*PLACE, "head", "index")
"""What tells the rows of a quantity apart."""
SHARED = ["layer", "role", "expert", "head", "index", "name"]
"""What a row and the base's have in common."""


class Outcome(StrEnum):
    """What became of a rule."""

    KEPT = "kept"
    BROKEN = "broken"
    OPEN = "not judged"
    """There was nothing to judge it by: `Verdict.text` says why."""


@dataclass(frozen=True)
class Subject:
    """A checkpoint and what was measured of it."""

    checkpoint: WeightSet
    rows: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one rule says of one checkpoint."""

    rule: CheckRule
    outcome: Outcome
    text: str
    """The worst place and how many there are, in one line; why it was not judged."""
    judged: int = 0
    """Values, heads or weights that were looked at."""
    broken: tuple[Mapping[str, Any], ...] = ()
    """Where it is broken, the worst first: `role`, `layer`, `expert`, `head`, `index`, `tensor`,
    `value`, `reason`."""
    value: float | None = None
    """The worst number, as it was compared."""


def judge(
    rules: Iterable[CheckRule], subject: Subject, base: Subject | None = None
) -> list[Verdict]:
    """Return what each rule says of a checkpoint; nothing is measured here.

    Parameters
    ----------
    rules
        In the order of the verdicts.
    subject
        The checkpoint with its rows; summaries among them are passed over.
    base
        What rules with a `base` compare with.

    Raises
    ------
    WrongOption
        A rule names a statistic that nobody has.
    """
    return [_verdict(rule, subject, base) for rule in rules]


def applies(rule: CheckRule, checkpoint: WeightSet) -> bool:
    """Tell whether a rule is for a checkpoint of this family."""
    return not rule.families or checkpoint.family in rule.families


def _verdict(rule: CheckRule, subject: Subject, base: Subject | None) -> Verdict:
    if not applies(rule, subject.checkpoint):
        return _open(rule, f"for {', '.join(rule.families)}")
    if rule.base is not None and base is None:
        return _open(rule, "no base is named")
    if rule.fact is not None:
        return _of_fact(rule, subject.checkpoint, None if base is None else base.checkpoint)
    if rule.status is not None:
        return _of_status(rule, subject.rows)
    return _of_values(rule, subject.rows, None if base is None else base.rows)


def _open(rule: CheckRule, why: str) -> Verdict:
    return Verdict(rule=rule, outcome=Outcome.OPEN, text=why)


def facts_of(checkpoint: WeightSet) -> dict[str, Any]:
    """Return what rules can ask of the header, by name."""
    return {
        "family": checkpoint.family,
        "architecture": checkpoint.architecture,
        "dtype": ", ".join(checkpoint.dtypes),
        "step": checkpoint.step,
        "parameters": checkpoint.n_parameters,
        "unrecognised": len(checkpoint.unrecognised),
        **asdict(checkpoint.shape),
    }


def _of_fact(rule: CheckRule, checkpoint: WeightSet, base: WeightSet | None) -> Verdict:
    assert rule.fact is not None, "this is a rule of facts"
    mine = facts_of(checkpoint)[rule.fact]
    if rule.base is Against.SAME and base is not None:
        comparison, bound, of = "!=", facts_of(base)[rule.fact], "the base's "
    else:
        comparison, bound, of = rule.comparison or "!=", rule.bound, ""
    if comparison not in ("==", "!=") and not isinstance(mine, type(bound) | int):
        return _open(rule, f"{rule.fact} is {mine}")
    lost = bool(COMPARISONS[comparison](mine, bound))
    told = f"{bound:g}" if isinstance(bound, float) else str(bound)
    text = f"{rule.fact} {mine} {comparison} {of}{told}" if lost else f"{rule.fact} {mine}"
    return _told(rule, text, 1, ({"value": None, "reason": text},) if lost else ())


def _of_status(rule: CheckRule, rows: pd.DataFrame) -> Verdict:
    """Judge by what rows are: whole weights where they were skipped, else heads and matrices."""
    found = _chosen(rule, rows)
    found = found[found["statistic"].isna()]
    if rule.status in (RowState.NOT_FINITE, RowState.SKIPPED):
        place = ["layer", "role", "expert", "tensor"]
        found = found[found["tensor"].notna()]
        judged = len(found[place].drop_duplicates())
        skipped = found[found["status"] == Status.SKIPPED]
        broken = skipped["reason"].str.contains(NON_FINITE, regex=False).astype(bool)
        lost = skipped[broken if rule.status is RowState.NOT_FINITE else ~broken]
        lost = lost.drop_duplicates(place)
    else:
        found = parts(found)
        judged, lost = len(found), found[found["status"] == str(rule.status)]
    if not judged:
        return _open(rule, "nothing measured that it is about")
    where = tuple(_spots(lost))
    text = f"none of {judged}"
    if where:
        reason = f": {where[0]['reason']}" if where[0]["reason"] else ""
        text = f"{place_of(where[0])} {rule.status}{reason}; {len(where)} of {judged}"
    return _told(rule, text, judged, where)


def _of_values(rule: CheckRule, rows: pd.DataFrame, base: pd.DataFrame | None) -> Verdict:
    found = _values(rule, rows)
    asked = rule.where.keys() <= set(rows["measure"])
    if found.empty and rule.where and asked and len(parts(_chosen(rule, rows))):
        told = ", ".join(f"{name} {value:g}" for name, value in rule.where.items())
        return _told(rule, f"none has {told}", 0, ())
    if found.empty:
        return _open(rule, "nothing measured that it is about")
    if rule.base is not None and base is not None:
        found = _against(rule, found, _values(rule, base))
        if found.empty:
            return _open(rule, "the base has no such value")
    assert rule.comparison is not None
    assert isinstance(rule.bound, float), "a rule of values has a number to compare with"
    lost = COMPARISONS[rule.comparison](found["value"], rule.bound)
    if rule.allowed:
        share = lost.groupby([found[name] for name in PLACE], dropna=False).transform("mean")
        lost &= share > rule.allowed
    falling = rule.comparison in (">", ">=")
    ranked = found.sort_values("value", ascending=not falling, kind="stable")
    where = tuple(_spots(ranked[lost.loc[ranked.index]]))
    worst = where[0] if where else next(_spots(ranked.head(1)))
    text = f"{rule.series} {_said(rule, worst['value'])} ({place_of(worst)})"
    if where:
        bound = f"{rule.bound:.0%}" if rule.base is Against.RELATIVE else f"{rule.bound:g}"
        text += f" {rule.comparison} {bound}; {len(where)} of {len(found)}"
    return _told(rule, text, len(found), where, worst["value"])


def _said(rule: CheckRule, value: float) -> str:
    """Return a number as it was compared, with what it is of."""
    if rule.base is Against.RELATIVE:
        return f"{value:.1%} off the base's"
    times = {Against.RATIO: " times the base's", Against.DIFFERENCE: " beyond the base's"}
    of = times[rule.base] if rule.base is not None else ""
    return number(value) + of + (f" of the {rule.relative_to}" if rule.relative_to else "")


def _told(
    rule: CheckRule,
    text: str,
    judged: int,
    where: tuple[dict[str, Any], ...],
    value: float | None = None,
) -> Verdict:
    return Verdict(
        rule=rule,
        outcome=Outcome.BROKEN if where else Outcome.KEPT,
        text=text,
        judged=judged,
        broken=where,
        value=value,
    )


def _chosen(rule: CheckRule, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the quantities, roles and layers of a rule."""
    wanted = rows["measure"].isin(rule.quantities)
    if rule.roles:
        any_role = ANY_ROLE in rule.roles
        wanted &= rows["role"].notna() if any_role else rows["role"].isin(rule.roles)
    if rule.layers:
        wanted &= rows["layer"].isin(rule.layers).fillna(False)
    return rows[wanted]


def _values(rule: CheckRule, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers a rule compares, before any base."""
    found = _chosen(rule, rows)
    single = parts(found[found["statistic"].isna()])
    if rule.relative_to is not None and len(single):
        of_weight = single.groupby(PLACE, dropna=False)["value"]
        usual = of_weight.transform(lambda values: _statistic(rule.relative_to)(values.to_numpy()))
        # A row of zeros is dead in whatever company.
        single = single.assign(value=(single["value"] / usual).where(single["value"] != 0, 0.0))
    for quantity, value in rule.where.items():
        single = _beside(single, rows, quantity, value)
    if rule.statistic is None:
        return single
    given = found[(found["statistic"] == rule.statistic) & found["tensor"].notna()]
    given = given[given["status"] != Status.SKIPPED]
    if rule.over is Scope.WEIGHT and len(given):
        return given  # what the measure gives itself is of all values, these may be a few of them
    return _reduced(single, rule) if len(single) else single


def _beside(single: pd.DataFrame, rows: pd.DataFrame, quantity: str, value: float) -> pd.DataFrame:
    """Return the rows where another quantity of the same head or weight has a value.

    What is only known of whole weights holds for each of their heads.
    """
    beside = rows[rows["statistic"].isna() & (rows["measure"] == quantity)]
    at = [*PLACE, "head"] if beside["head"].notna().any() else PLACE
    there = beside.loc[beside["value"] == value, at].drop_duplicates()
    kept = single.assign(_row=single.index).merge(there, on=at)["_row"]
    return single.loc[kept]


def _statistic(name: str | None) -> Any:
    if name not in SCALARS:
        raise WrongOption(
            f"no values of {name}", where="rules", next_step=f"take one of {', '.join(SCALARS)}"
        )
    return SCALARS[name]


def _reduced(single: pd.DataFrame, rule: CheckRule) -> pd.DataFrame:
    """Return a row for each group that a statistic is over."""
    taken = _statistic(rule.statistic)
    keys = SCOPES[rule.over]
    rows = []
    for group in groups(single, keys):
        status, reason = trust(group.status)
        value = {"value": taken(group.values), "status": str(status), "reason": reason}
        rows.append(dict.fromkeys(SPOT) | group.place | value)
    columns = [*SPOT, "value", "status", "reason"]
    kinds = {name: single.dtypes[name] for name in columns}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


def _against(rule: CheckRule, mine: pd.DataFrame, base: pd.DataFrame) -> pd.DataFrame:
    """Return the values that the base has too, as what is taken of both."""
    both = _shared(mine).merge(
        _shared(base).drop_duplicates(SHARED)[[*SHARED, "value"]], on=SHARED, suffixes=("", "_base")
    )
    value, other = both["value"], both["value_base"]
    taken = {
        Against.RATIO: lambda: value / other,
        Against.DIFFERENCE: lambda: value - other,
        Against.RELATIVE: lambda: (value - other).abs() / other.abs(),
    }
    assert rule.base is not None
    # inf over inf, 0 over 0: nothing changed, and nothing is compared.
    return both.assign(value=taken[rule.base]()).dropna(subset="value")


def _shared(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the name by which a row is known in both: of the tensor where the role is not enough."""
    nameless = rows["role"].isna() | rows["role"].isin([str(role) for role in SEVERAL])
    return rows.assign(name=rows["tensor"].where(nameless))


def _spots(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield from records(rows[[*SPOT[3:], "value", "reason"]])


def place_of(row: Mapping[str, Any]) -> str:
    """Return where a row was found: ``W_q layer 3 head 1``."""
    keys = ("layer", "expert", "head", "index")
    named = (f"{key} {row[key]}" for key in keys if row.get(key) is not None)
    return " ".join([row.get("role") or row.get("tensor") or "model", *named])
