"""One file a measure: what is computed of which weights, with formula and source."""

from ngpt_inspect.measures._measure import (
    QUICK_COST,
    Cost,
    Followed,
    Known,
    Measure,
    Setting,
    Summary,
    Values,
    View,
    numbered,
    skipped,
)
from ngpt_inspect.plugins import collect

MEASURES: dict[str, Measure] = collect(__name__, __path__, Measure)
"""Every measure by name."""

__all__ = [
    "MEASURES",
    "QUICK_COST",
    "Cost",
    "Followed",
    "Known",
    "Measure",
    "Setting",
    "Summary",
    "Values",
    "View",
    "numbered",
    "skipped",
]
