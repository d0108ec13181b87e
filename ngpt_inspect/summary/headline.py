"""The few numbers that tell checkpoints apart at a glance, a row a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.summary.facts import losses_until
from ngpt_inspect.tables import parts
from ngpt_inspect.tables.rows import of_series, rows_of
from ngpt_inspect.vocabulary import ATTENTION, EMBEDDINGS, MLP, RATES, Role, Series, Status
from ngpt_inspect.weights import WeightSet

COLUMNS = {
    "kappa_attention": "κ of attention: median over the heads of W_q, W_k, W_v, W_o of all layers",
    "kappa_mlp": "κ of the MLP: median over W_u, W_nu, W_oMLP of all layers",
    **{f"norm_{role}": f"median norm of the rows of {role}" for role in EMBEDDINGS},
    "unit_norm": "share of the matrices whose vectors have length 1",
    **{f"mean_{role}": f"mean of |{role.facts.symbol}| over all coordinates" for role in RATES},
}
"""Column -> what it is."""


def headline(checkpoints: Sequence[WeightSet], table: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of `COLUMNS` of each checkpoint, NaN where the table has none.

    Parameters
    ----------
    checkpoints
        Whose numbers; labels and steps as in the table.
    table
        Rows of any of `HEALTH_MEASURES` as `measure` gives them, single values included.

    Returns
    -------
    DataFrame
        Columns ``checkpoint, step`` and those of `COLUMNS`, a row a checkpoint.
    """
    found = [
        {"checkpoint": each.label, "step": each.step} | dict(_numbers(rows_of(table, each)))
        for each in checkpoints
    ]
    columns = ["checkpoint", "step", *COLUMNS]
    kinds = dict.fromkeys(COLUMNS, "float64") | {"step": "Int64"}
    return pd.DataFrame(found, columns=columns).astype(kinds)


def last_losses(checkpoints: Sequence[WeightSet]) -> list[float]:
    """Return the last validation loss that the run of each had logged when it was saved.

    NaN where nothing is logged, or the checkpoint does not say its step.

    Raises
    ------
    InspectError
        A log cannot be read.
    """
    return [_last_loss(each) for each in checkpoints]


def _last_loss(checkpoint: WeightSet) -> float:
    curve = {} if checkpoint.step is None else losses_until(checkpoint)
    return curve[max(curve)] if curve else math.nan


def _numbers(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    kappa = parts(of_series(rows, Series("condition_number")))
    for name, roles in (("kappa_attention", ATTENTION), ("kappa_mlp", MLP)):
        yield name, float(_of(kappa, roles)["value"].median())
    norms = of_series(rows, Series("embedding_norm"))
    for role in EMBEDDINGS:
        yield f"norm_{role}", float(_of(norms, [role])["value"].median())
    yield "unit_norm", float(_of(of_series(rows, Series("unit_norm")), Role)["value"].mean())
    rates = of_series(rows, Series("eigen_learning_rate"))
    for role in RATES:
        yield f"mean_{role}", float(_of(rates, [role])["value"].abs().mean())


def _of(rows: pd.DataFrame, roles: Iterable[Role]) -> pd.DataFrame:
    """Return what was measured of these roles."""
    mine = rows["role"].isin([str(role) for role in roles])
    return rows[mine & (rows["status"] != Status.SKIPPED)]
