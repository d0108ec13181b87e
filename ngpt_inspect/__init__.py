"""Inspection and diagnostics of GPT and nGPT checkpoints, from files alone.

>>> import ngpt_inspect as ni
>>> table = ni.measure(["runs/gpt", "runs/ngpt"], "condition_numbers")  # doctest: +SKIP
>>> ni.figure("condition_numbers", ["runs/gpt", "runs/ngpt"])  # doctest: +SKIP
"""

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.gallery import figure
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.tables import measure, summarise
from ngpt_inspect.version import __version__
from ngpt_inspect.vocabulary import Role

__all__ = [
    "FIGURES",
    "MEASURES",
    "InspectError",
    "Role",
    "__version__",
    "figure",
    "measure",
    "open_checkpoint",
    "summarise",
]
