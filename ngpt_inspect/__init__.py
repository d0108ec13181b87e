"""Inspection and diagnostics of GPT and nGPT checkpoints, from files alone.

>>> import ngpt_inspect as ni
>>> checkpoint = ni.open_checkpoint("runs/ngpt")
>>> checkpoint
ngpt
  family        nGPT (reference_ngpt)
  size          2 layers, 4 heads, d_model 16, vocabulary 30
  parameters    5,534, stored as F32
  step          200
  unrecognised  nothing
>>> checkpoint["W_q"]
<W_q of layer 0: [16, 16] F32, layers.0.attention.W_q.weight>
<W_q of layer 1: [16, 16] F32, layers.1.attention.W_q.weight>
>>> ni.Role.W_Q.facts.meaning
'queries (eq. 12)'
>>> ni.MEASURES["condition_numbers"].quantities["sigma_max"]
'largest singular value'
>>> ni.FIGURES["condition_numbers"].needs
('condition_numbers',)
>>> table = ni.measure(["runs/gpt", "runs/ngpt"], "condition_numbers")
>>> figure = ni.figure("condition_numbers", table=table)
>>> print(ni.save_figure(figure, "condition_numbers.html"))
condition_numbers.html
>>> ni.__version__.count(".")
2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ngpt_inspect.version import __version__

if TYPE_CHECKING:
    from ngpt_inspect.callbacks import log
    from ngpt_inspect.checkpoint import open_checkpoint
    from ngpt_inspect.comparing import changes
    from ngpt_inspect.errors import InspectError
    from ngpt_inspect.figures import FIGURES
    from ngpt_inspect.measures import MEASURES
    from ngpt_inspect.plotting import figure, save_figure, save_figures
    from ngpt_inspect.report import save_report
    from ngpt_inspect.results import training_results
    from ngpt_inspect.summary import differences
    from ngpt_inspect.tables import measure, summarise, token_table
    from ngpt_inspect.traces import path
    from ngpt_inspect.tracing import trace_model
    from ngpt_inspect.vocabulary import Role

__all__ = [
    "FIGURES",
    "MEASURES",
    "InspectError",
    "Role",
    "__version__",
    "changes",
    "differences",
    "figure",
    "log",
    "measure",
    "open_checkpoint",
    "path",
    "save_figure",
    "save_figures",
    "save_report",
    "summarise",
    "token_table",
    "trace_model",
    "training_results",
]

_HOMES = {
    "FIGURES": "figures",
    "MEASURES": "measures",
    "InspectError": "errors",
    "Role": "vocabulary",
    "changes": "comparing",
    "differences": "summary",
    "figure": "plotting",
    "log": "callbacks",
    "measure": "tables",
    "open_checkpoint": "checkpoint",
    "path": "traces",
    "trace_model": "tracing",
    "save_figure": "plotting",
    "save_figures": "plotting",
    "save_report": "report",
    "summarise": "tables",
    "token_table": "tables",
    "training_results": "results",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command line starts without numpy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
