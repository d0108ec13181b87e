"""Training results -> tables: what runs and experiments wrote, and what is read off them."""

from ngpt_inspect.results._registry import RESULTS
from ngpt_inspect.results.compare.levels import loss_levels, reached_at
from ngpt_inspect.results.sources.places import Place, holds_weights, listed
from ngpt_inspect.results.sources.reading import training_results

__all__ = [
    "RESULTS",
    "Place",
    "holds_weights",
    "listed",
    "loss_levels",
    "reached_at",
    "training_results",
]
