"""The training loop as a library function: `train`."""

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path

from reference_model.checkpoint import checkpoint_path, save_checkpoint, save_resume_state
from reference_model.config import ModelConfig, TrainConfig
from reference_model.data import TokenData
from reference_model.errors import DivergenceError, Interrupted
from reference_model.files import lock_folder, remove_litter, write_text_atomically
from reference_model.progress import Progress, Style, say
from reference_model.training.metrics import MetricsFile, StepMetrics
from reference_model.training.ranks import join_ranks
from reference_model.training.resuming import settings_of, take_up
from reference_model.training.state import gather_state, gather_weights
from reference_model.training.stopping import StopSignals
from reference_model.training.trainer import Trainer


@dataclass(frozen=True)
class TrainResult:
    """How a run ended."""

    checkpoint: Path
    """The last step's weights."""
    was_finished: bool
    """True when there was nothing left to do."""


def train(
    model_config: ModelConfig,
    train_config: TrainConfig,
    data: TokenData,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    compiled: bool = False,
    sharded: bool = False,
    show_progress: Style | bool = True,
    until: float = math.inf,
) -> TrainResult:
    """Train one model into the run folder `out`.

    Under ``torchrun`` the batch is split over the ranks, and only rank 0 writes. A finished run
    with the same settings is left as it is. A run goes on with any number of ranks, sharded or not.

    Parameters
    ----------
    model_config : GPTConfig or NGPTConfig
    train_config : TrainConfig
    data : TokenData
        Its vocabulary must be the model's.
    out : Path
        Receives step-NNNNNN.safetensors, metrics.jsonl, tokenizer.json and resume.pt.
    resume : bool
        Continue the run in `out` if there is one.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    compiled : bool
        Pass the model through torch.compile.
    sharded : bool
        Split the model over the ranks (FSDP2) instead of copying it to each (DDP).
    show_progress : {True, False, "auto", "lines", "none"}
        Report on stderr.
    until : float
        Stop as if SIGTERM came when `time.monotonic` gets there.

    Raises
    ------
    UsageError
        If the settings do not fit the data, the ranks or the run already in `out`, or another
        process trains into `out`.
    WriteError
        If a file cannot be written; the last files stay intact.
    DivergenceError
        If the loss or the gradient norm is no longer finite; the last files stay intact.
    Interrupted
        After Ctrl-C or SIGTERM, or when time is up; the step they came in is finished and saved.
    """
    with (
        join_ranks(device) as ranks,
        lock_folder(out) if ranks.is_main else contextlib.nullcontext(),
    ):
        trainer = Trainer(model_config, train_config, data, ranks, compiled, sharded)
        take_up(trainer, out, resume)
        ranks.wait()  # no rank may read what rank 0 is about to write
        result = TrainResult(
            checkpoint=checkpoint_path(out, train_config.steps),
            was_finished=trainer.step == train_config.steps,
        )
        if not result.was_finished:
            _continue(trainer, out, show_progress, until)
            ranks.wait()  # no rank may leave while rank 0 still writes
        elif ranks.is_main and show_progress not in (False, "none"):
            say(f"{out}: already trained for all {trainer.step} steps; nothing to do")
    return result


def _continue(trainer: Trainer, out: Path, show_progress: Style | bool, until: float) -> None:
    """Train from the step reached to the last one."""
    first, steps = trainer.step, trainer.config.steps
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopSignals(until))
        if trainer.ranks.is_main:
            remove_litter(out)
        if first == 0:
            _save_state(trainer, out)  # the first file: whatever else is here belongs to it
            if trainer.config.keeps(0):
                _keep(trainer, out)
        metrics_file = None
        if trainer.ranks.is_main:
            metrics_file = MetricsFile(out, first)
            stack.callback(metrics_file.close)
            write_text_atomically(out / "tokenizer.json", trainer.data.tokenizer_json)
        shown = trainer.ranks.is_main and show_progress
        label = trainer.model.architecture
        progress = stack.enter_context(Progress(label, first, steps, shown))
        for _ in range(first, steps):
            metrics = trainer.take_step()
            if metrics_file is not None:
                metrics_file.append(metrics)
            _check_finite(trainer, metrics)
            asked = stop.agreed(trainer.ranks)
            _save(trainer, out, metrics_file, stops=asked > 0)
            progress.update(metrics.step, metrics.train_loss, metrics.validation_loss)
            _stop(trainer, asked)


def _check_finite(trainer: Trainer, metrics: StepMetrics) -> None:
    if not math.isfinite(metrics.train_loss + metrics.gradient_norm):
        raise DivergenceError(
            f"step {metrics.step}: the loss or its gradient is not finite, so training stopped; "
            f"try a learning rate below {trainer.config.learning_rate:g}"
        )


def _stop(trainer: Trainer, asked: int) -> None:
    """Leave after a signal, when everything is saved; a run that has just ended needs no stop."""
    if asked and trainer.step < trainer.config.steps:
        trainer.ranks.wait()  # the launcher ends all ranks when one leaves: rank 0 saves first
        raise Interrupted(trainer.step, asked)


def _save(trainer: Trainer, out: Path, metrics_file: MetricsFile | None, *, stops: bool) -> None:
    """Write what the step just taken calls for; the resume file last, when all else is safe.

    Every rank helps to gather it; rank 0, which alone has the metrics file, writes it.
    """
    step, config = trainer.step, trainer.config
    if config.keeps(step):
        _keep(trainer, out)
    if stops or step % config.resume_every == 0 or step == config.steps:
        if metrics_file is not None:
            metrics_file.sync()
        _save_state(trainer, out)


def _save_state(trainer: Trainer, out: Path) -> None:
    state = {"settings": settings_of(trainer), **gather_state(trainer)}
    if trainer.ranks.is_main:
        save_resume_state(out, state)


def _keep(trainer: Trainer, out: Path) -> None:
    weights = gather_weights(trainer)
    if trainer.ranks.is_main:
        progress = {"step": trainer.step, "tokens": trainer.tokens}
        save_checkpoint(out, trainer.model, trainer.config, weights=weights, **progress)
