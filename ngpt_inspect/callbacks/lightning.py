"""Lightning: ``Trainer(callbacks=[LightningInspection(), ModelCheckpoint(...)])``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from ngpt_inspect.callbacks.following import Following


class LightningInspection(Callback):
    """Tells of each checkpoint once its file is there; options as of `Following`.

    Lightning's own hook for saving runs before there is a file, so what its checkpoint callbacks
    wrote last is looked up after batches and epochs.
    """

    def __init__(self, **options: Any) -> None:
        self.following = Following(**options)
        self._last: set[str] = set()

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        """Look up what was written after the batch before."""
        self._tell(trainer)

    def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
        """Look up what was written at the end of an epoch."""
        self._tell(trainer)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Look up what was written at the very end."""
        self._tell(trainer)
        self.following.finish()

    def _tell(self, trainer: Any) -> None:
        if not trainer.is_global_zero:
            return
        written = {str(getattr(c, "last_model_path", "")) for c in trainer.checkpoint_callbacks}
        for path in sorted(written - self._last - {""}):
            self.following.tell(Path(path).parent)
        self._last = written
