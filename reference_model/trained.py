"""A trained model with its tokenizer: what traces and evaluations open."""

from dataclasses import dataclass
from pathlib import Path

import torch

from reference_model.checkpoint import CheckpointHeader, checkpoint_path, load_model, read_header
from reference_model.data.tokens import BPETokenizer, ByteTokenizer, read_tokenizer
from reference_model.errors import UsageError
from reference_model.model import GPT, NGPT


@dataclass(frozen=True)
class Trained:
    """One checkpoint: its model in float32, its tokenizer, and what it says of itself."""

    path: Path
    header: CheckpointHeader
    model: GPT | NGPT
    words: BPETokenizer | ByteTokenizer

    @property
    def name(self) -> str:
        """Name of the run; of a file that is not called as in a run, its own."""
        of_run = self.path.name == checkpoint_path(self.path.parent, self.header.step).name
        return self.path.parent.resolve().name if of_run else self.path.stem


def open_trained(
    checkpoint: Path, tokenizer: Path | None = None, device: str | torch.device = "cpu"
) -> Trained:
    """Open a checkpoint and the tokenizer it was trained with.

    Parameters
    ----------
    checkpoint
        A file of `save_checkpoint`, or the folder of a run: its last step.
    tokenizer
        A run's tokenizer.json; by default the one beside the checkpoint.
    device
        Where the model is to compute.

    Raises
    ------
    UsageError
        If the checkpoint is not one of reference_model, or there is no tokenizer that can encode
        text for it.
    """
    path = _last_step(checkpoint)
    header = read_header(path)
    words = read_tokenizer(tokenizer or path.parent / "tokenizer.json")
    entries = header.model_config().vocab_size
    if words.vocab_size > entries:
        raise UsageError(
            f"the tokenizer has {words.vocab_size} entries, the model {entries}; "
            "name the tokenizer.json it was trained with"
        )
    return Trained(path, header, load_model(path, device).float(), words)


def _last_step(checkpoint: Path) -> Path:
    """Return the last checkpoint of a run's folder; a file is itself."""
    if not checkpoint.is_dir():
        return checkpoint
    files = sorted(checkpoint.glob("step-*.safetensors"))
    if not files:
        msg = f"{checkpoint}: holds no step-NNNNNN.safetensors; name a checkpoint or a run"
        raise UsageError(msg)
    return files[-1]
