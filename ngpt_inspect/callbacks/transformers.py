"""Hugging Face's Trainer: ``Trainer(..., callbacks=[TrainerInspection()])``."""

from typing import Any

from transformers import TrainerCallback

from ngpt_inspect.callbacks.following import Following


class TrainerInspection(TrainerCallback):
    """Tells of each checkpoint when it is saved; options as of `Following`."""

    def __init__(self, **options: Any) -> None:
        self.following = Following(**options)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell: a checkpoint lies in ``checkpoint-N``, whole."""
        if state.is_world_process_zero:
            self.following.tell(args.output_dir)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Let a thread look once more."""
        self.following.finish()
