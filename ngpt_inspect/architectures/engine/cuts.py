"""The orders in which one tensor holds the rows of several roles, by name.

Codes that fuse matrices differ in nothing else, and shapes never tell one order from another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ngpt_inspect.architectures.engine.architecture import Rule, as_stored
from ngpt_inspect.vocabulary import Role


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Which rows each role has, in (out, in) layout."""

    rows: Mapping[Role, tuple[str, ...]]
    """Start, stop and, where not each row is taken, step: within each group."""
    height: str
    """Rows in all."""
    groups: str = "1"


QKV = Cut(
    height="(n_heads + 2*n_kv_heads)*d_k",
    rows={
        Role.W_Q: ("0", "n_heads*d_k"),
        Role.W_K: ("n_heads*d_k", "(n_heads + n_kv_heads)*d_k"),
        Role.W_V: ("(n_heads + n_kv_heads)*d_k", "(n_heads + 2*n_kv_heads)*d_k"),
    },
)
"""All queries, then all keys, then all values."""

QKV_BY_GROUP = Cut(
    height="(n_heads + 2*n_kv_heads)*d_k",
    groups="n_kv_heads",
    rows={
        Role.W_Q: ("0", "n_heads//n_kv_heads*d_k"),
        Role.W_K: ("n_heads//n_kv_heads*d_k", "(n_heads//n_kv_heads + 1)*d_k"),
        Role.W_V: ("(n_heads//n_kv_heads + 1)*d_k", "(n_heads//n_kv_heads + 2)*d_k"),
    },
)
"""Each group: its queries, one key, one value. One group is `QKV`; as many as heads, by head."""

QKV_BY_HEAD = Cut(
    height="3*n_heads*d_k",
    groups="n_heads",
    rows={Role.W_Q: ("0", "d_k"), Role.W_K: ("d_k", "2*d_k"), Role.W_V: ("2*d_k", "3*d_k")},
)
"""Each head: its query, its key, its value."""


def equal(width: str, *roles: Role) -> Cut:
    """Return the cut into as many rows of each role, those of one after those of another."""
    bounds = ["0", width, *(f"{n}*{width}" for n in range(2, len(roles) + 1))]
    return Cut(height=bounds[-1], rows=dict(zip(roles, pairwise(bounds), strict=True)))


THIRDS = equal("d_model", Role.W_Q, Role.W_K, Role.W_V)
"""`QKV` of heads as wide as the model, which can be cut without their number."""


def halves(first: Role, second: Role, width: str = "d_mlp") -> Cut:
    """Return the cut into all rows of one role, then all of another."""
    return equal(width, first, second)


def alternating(first: Role, second: Role, width: str = "d_mlp") -> Cut:
    """Return the cut into rows 0, 2, 4, ... of one role and 1, 3, 5, ... of another."""
    height = f"2*{width}"
    return Cut(height=height, rows={first: ("0", height, "2"), second: ("1", height, "2")})


def fused(name: str, cut: Cut, **more: Any) -> tuple[Rule, ...]:
    """Return the rules of a fused matrix.

    Its shape follows from the cut, `transposed` and `stacked`, where no `shape` is given.
    """
    said = {"shape": as_stored([cut.height, "d_model"], more), **more}
    return tuple(
        Rule(name=name, role=role, rows=rows, groups=cut.groups, **said)
        for role, rows in cut.rows.items()
    )
