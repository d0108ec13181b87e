"""Training loops that only tell: a process of its own measures, or a thread that steps back.

``from ngpt_inspect.callbacks.transformers import TrainerInspection`` for Hugging Face's Trainer,
``.lightning`` for Lightning, ``.olmo_core`` for OLMo-core, and `log` for a loop written by hand.
"""

from ngpt_inspect.callbacks.following import Following, Manner
from ngpt_inspect.callbacks.loop import log

__all__ = ["Following", "Manner", "log"]
