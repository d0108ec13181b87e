"""Lightning: ``Trainer(callbacks=[LightningInspection(), ModelCheckpoint(...)])``."""

from typing import Any

from lightning.pytorch.callbacks import Callback

from ngpt_inspect.callbacks.following import Following


class LightningInspection(Callback):
    """Tells of each checkpoint once its file is there; options as of `Following`.

    Lightning's own hook for saving runs before there is a file, so what was saved is told of when
    the next batch or epoch begins, or training ends.
    """

    def __init__(self, **options: Any) -> None:
        self.following = Following(**options)
        self._saving = False

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        """Note that a file is about to be written."""
        self._saving = True

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        """Tell of what was written after the batch before."""
        self._tell(trainer)

    def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
        """Tell of what was written at the end of an epoch."""
        self._tell(trainer)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Tell of what was written at the very end."""
        self._tell(trainer)
        self.following.finish()

    def _tell(self, trainer: Any) -> None:
        if not self._saving or not trainer.is_global_zero:
            return
        self._saving = False
        places = [getattr(each, "dirpath", None) for each in trainer.checkpoint_callbacks]
        for folder in dict.fromkeys(filter(None, places)):
            self.following.tell(folder)
