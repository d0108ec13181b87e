"""What figures need measured: which measures, and of which layers and roles; nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ngpt_inspect.figures import Figure
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.plotting.choices import scope
from ngpt_inspect.tables import measure
from ngpt_inspect.weights import WeightSet

Choices = Mapping[str, Any]


def measured_for(
    chosen: Sequence[tuple[Figure, Choices]],
    checkpoints: Sequence[WeightSet],
    *,
    layers: int | Sequence[int] | None = None,
    roles: str | Sequence[str] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Measure, once, what some figures draw with their options.

    Parameters
    ----------
    chosen
        Figures of measures, each with its options.
    checkpoints
        What is measured.
    layers, roles
        By default those that the figures draw. Roles that no checkpoint has are left out: what
        is missing is for the figure to say.
    settings
        As `measure`.

    Raises
    ------
    InspectError
        As `measure`.
    """
    needs = dict.fromkeys(need for figure, options in chosen for need in figure.needs_with(options))
    scopes = [scope(figure, options) for figure, options in chosen]
    if roles is None:
        there = {str(role) for checkpoint in checkpoints for role in checkpoint.roles}
        roles = [role for role in _drawn(scopes, "roles") or () if role in there] or None
    return measure(
        checkpoints,
        list(needs),
        layers=_drawn(scopes, "layers") if layers is None else layers,
        roles=roles,
        **settings,
    )


def _drawn(scopes: Sequence[Mapping[str, tuple[Any, ...]]], name: str) -> list[Any] | None:
    """Return all layers or roles that some figure draws; None where one draws whatever is there."""
    if not all(name in each for each in scopes):
        return None
    return list(dict.fromkeys(value for each in scopes for value in each[name]))
