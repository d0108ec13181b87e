"""What tells checkpoints apart, on one screen: facts, health, differences."""

from ngpt_inspect.summary.differences import differences
from ngpt_inspect.summary.facts import Level, beside, headers
from ngpt_inspect.summary.headline import headline, last_losses
from ngpt_inspect.summary.health import HEALTH_MEASURES, health, health_items, health_measures
from ngpt_inspect.summary.screen import summary, summary_measures, summary_of

__all__ = [
    "HEALTH_MEASURES",
    "Level",
    "beside",
    "differences",
    "headers",
    "headline",
    "health",
    "health_items",
    "health_measures",
    "last_losses",
    "summary",
    "summary_measures",
    "summary_of",
]
