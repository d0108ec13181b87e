"""What is looked at of one matrix: how many heads it has, and its numbers in each checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.table import Table
from ngpt_inspect.vocabulary import Kind, Role, roles_of
from ngpt_inspect.weights import WeightSet

FACTS = (
    "condition_number",
    "normalized_condition_number",
    "sigma_max",
    "sigma_min",
    "stable_rank",
    "effective_rank",
)
"""The numbers of one matrix that are set side by side."""
PLACE = ["checkpoint", "step", "expert"]


def matrices_of(checkpoints: Iterable[WeightSet]) -> list[Role]:
    """Return the roles of matrices that any of these checkpoints has, in the paper's order."""
    present = {role for checkpoint in checkpoints for role in checkpoint.roles}
    return [role for role in roles_of(Kind.MATRIX) if role in present]


def n_heads_of(checkpoints: Iterable[WeightSet], role: Role) -> int:
    """Return the most heads a matrix of this role has; 0 where it is not split, or unknown how."""
    blocks = [
        weight.n_blocks or 0
        for checkpoint in checkpoints
        for weight in checkpoint
        if weight.role is role and role.facts.head_axis is not None
    ]
    return max(blocks, default=0)


def matrix_facts(table: pd.DataFrame, layer: int, role: str, head: int | None) -> pd.DataFrame:
    """Return one row a checkpoint: the numbers of one head, or of the whole matrix.

    Parameters
    ----------
    table
        Rows of `condition_numbers`, `normalized_condition_numbers` and `singular_values`.
    layer, role, head
        Which matrix; no head means the whole.

    Returns
    -------
    pandas.DataFrame
        Columns checkpoint, step, expert, those of `FACTS`, and status and reason of the
        condition number. A checkpoint without this head or matrix has no row.
    """
    rows = Table.of(table).rows
    rows = rows[rows["layer"].eq(layer).fillna(False) & rows["role"].eq(role)]
    rows = rows[rows["head"].isna() if head is None else rows["head"].eq(head).fillna(False)]
    # Where heads are unknown a row says so beside the row of the whole matrix: numbers first.
    rows = rows[rows["measure"].isin(FACTS) & rows["statistic"].isna()].sort_values(
        "value", kind="stable"
    )
    rows = rows.drop_duplicates([*PLACE, "measure"])
    said = rows[rows["measure"].eq(FACTS[0])].set_index(PLACE)[["status", "reason"]]
    wide = rows.set_index([*PLACE, "measure"])["value"].unstack("measure")
    wide = wide.reindex(columns=list(FACTS)).join(said)
    order = list(dict.fromkeys(table["checkpoint"]))
    wide = wide.reset_index().sort_values(
        ["checkpoint", "expert"], key=lambda c: c.map(order.index) if c.name == "checkpoint" else c
    )
    return wide.rename_axis(columns=None).reset_index(drop=True)
