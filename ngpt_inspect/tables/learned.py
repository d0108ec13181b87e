"""Learned vectors in words and small tables: where effective values come from, and their ends."""

from __future__ import annotations

from collections.abc import Sequence

from ngpt_inspect.architectures import ARCHITECTURES
from ngpt_inspect.expressions import names_in
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.rows import of_series
from ngpt_inspect.vocabulary import Kind, Role, Series, Status, roles_of
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

LEARNED = roles_of(Kind.EIGEN_LEARNING_RATE, Kind.SCALING, Kind.GAIN)
FORMULAS = ("checkpoint", "role", "effective", "factor", "starts_at", "constants")
ENDS = (
    *("checkpoint", "step", "rank", "largest_head", "largest_index", "largest"),
    *("smallest_head", "smallest_index", "smallest"),
)


def formulas(checkpoints: Sequence[WeightSet]) -> pd.DataFrame:
    """Return how the effective values of each learned vector come from what is stored.

    One row a checkpoint and role: ``effective`` is the formula (section 2.5), ``factor`` the
    number that stored values are multiplied by, ``starts_at`` the effective value before
    training (the init; null where a layout has none), and ``constants`` says of each constant
    what it is and whether it was read, assumed or given.
    """
    rows = [_formula(each, role) for each in checkpoints for role in each.roles if role in LEARNED]
    return pd.DataFrame(rows, columns=list(FORMULAS))


def _formula(checkpoint: WeightSet, role: Role) -> dict[str, object]:
    weight = next(weight for weight in checkpoint if weight.role is role)
    rules = ARCHITECTURES[checkpoint.architecture].rules
    rule = next(rule for rule in rules if rule.role is role)
    known = {each.name: each for each in checkpoint.constants}
    used = [known[name] for name in sorted(names_in(rule.factor)) if name in known]
    inits = [each.value for each in used if each.name.endswith("_init")]
    stored = "stored" if rule.factor == "1" else f"stored · {rule.factor}"
    return {
        "checkpoint": checkpoint.label,
        "role": str(role),
        "effective": f"|{stored}|" if rule.absolute else stored,
        "factor": weight.factor,
        "starts_at": inits[0] if inits else None,
        "constants": "; ".join(f"{c.name} = {number(c.value)} ({c.origin})" for c in used),
    }


def constants(checkpoints: Sequence[WeightSet]) -> pd.DataFrame:
    """Return every constant of these checkpoints: its value, and where that came from."""
    rows = [
        {"checkpoint": c.label, "constant": each.name, "value": each.value, "origin": each.origin}
        for c in checkpoints
        for each in c.constants
    ]
    return pd.DataFrame(rows, columns=["checkpoint", "constant", "value", "origin"])


def ends(table: pd.DataFrame, quantity: str, count: int) -> pd.DataFrame:
    """Return the largest and smallest values of a quantity, a few of each checkpoint.

    Parameters
    ----------
    table
        Single values of one weight of each checkpoint, as `measure` returns them.
    quantity
        ``scaling_factor``, ``eigen_learning_rate``, ...
    count
        How many of either end; fewer where there are fewer values.

    Returns
    -------
    pandas.DataFrame
        One row a checkpoint and rank (from 1): the value at either end with its head (null
        where there is none) and its index: the coordinate, for s_z the token id.
    """
    rows = of_series(table, Series(quantity))
    measured = rows[rows["status"] != Status.SKIPPED]
    pieces = []
    for _, mine in measured.groupby(["checkpoint", "step"], dropna=False, sort=False):
        rising = mine.sort_values("value", kind="stable")
        found = {"largest": rising.iloc[::-1].head(count), "smallest": rising.head(count)}
        piece = found["largest"][["checkpoint", "step"]].reset_index(drop=True)
        piece["rank"] = range(1, len(piece) + 1)
        for end, rows in found.items():
            piece[f"{end}_head"] = rows["head"].array
            piece[f"{end}_index"] = rows["index"].array
            piece[end] = rows["value"].array
        pieces.append(piece)
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=list(ENDS))
