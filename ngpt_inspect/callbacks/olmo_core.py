"""OLMo-core: ``TrainerConfig(...).with_callback("inspect", OLMoCoreInspection())``."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from olmo_core.distributed.utils import get_rank
from olmo_core.train.callbacks import Callback

from ngpt_inspect.callbacks.following import Following, Manner
from ngpt_inspect.places import is_uri

OPTIONS = tuple(each.name for each in fields(Following) if each.init)


@dataclass
class OLMoCoreInspection(Callback):
    """Tells of each checkpoint after it is saved; options as of `Following`."""

    manner: str = str(Manner.PROCESS)
    table: str | None = None
    rules: str | None = None
    to: Sequence[str] = ()
    measures: Sequence[str] = ()
    every: float = 5.0
    settled: float = 2.0
    _following: Following | None = field(default=None, init=False, repr=False)

    def post_checkpoint_saved(self, path: Path | str) -> None:
        """Tell: a checkpoint lies in ``stepN``, whole."""
        if get_rank() != 0:
            return
        if self._following is None:
            self._following = Following(**{name: getattr(self, name) for name in OPTIONS})
        self._following.tell(path if is_uri(str(path)) else Path(path).parent)

    def close(self) -> None:
        """Let a thread look once more."""
        if self._following is not None:
            self._following.finish()
