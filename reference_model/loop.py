"""The training loop as a library function: `train`."""

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from reference_model.checkpoint import (
    checkpoint_path,
    load_resume_state,
    save_checkpoint,
    save_resume_state,
)
from reference_model.config import ModelConfig, TrainConfig
from reference_model.data import TokenData
from reference_model.errors import DivergenceError, UsageError
from reference_model.files import remove_litter, write_text_atomically
from reference_model.metrics import MetricsFile, StepMetrics
from reference_model.model import NGPT, build_model
from reference_model.optimizer import learning_rate, make_optimizer
from reference_model.precision import resolve_precision
from reference_model.progress import Progress, say
from reference_model.ranks import Ranks, join_ranks

CADENCE = ("checkpoint_every", "checkpoint_steps", "resume_every")
"""Settings that change when files are written but no number in them: free to differ on resume."""


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
    show_progress: bool = True,
) -> TrainResult:
    """Train one model into the run folder `out`.

    Under ``torchrun`` the batch is split over the ranks, and only rank 0 writes. A finished run
    with the same settings is left as it is.

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
    show_progress : bool
        Report on stderr.

    Raises
    ------
    UsageError
        If the settings do not fit the data, the ranks or the run already in `out`.
    DivergenceError
        If the loss or the gradient norm is no longer finite; the last files stay intact.
    """
    with join_ranks(device) as ranks:
        run = Run(model_config, train_config, data, out, ranks, compiled)
        run.load(resume)
        if run.step == train_config.steps:
            if ranks.is_main and show_progress:
                say(f"{out}: already trained for all {run.step} steps; nothing to do")
            return TrainResult(checkpoint_path(out, run.step), was_finished=True)
        run.continue_to_end(show_progress and ranks.is_main)
    return TrainResult(checkpoint_path(out, train_config.steps), was_finished=False)


class Run:
    """One training run in one process: the model, its optimiser and the step reached."""

    def __init__(
        self,
        model_config: ModelConfig,
        train_config: TrainConfig,
        data: TokenData,
        out: Path,
        ranks: Ranks,
        compiled: bool,
    ) -> None:
        self.model_config, self.config, self.data = model_config, train_config, data
        self.out, self.ranks = out, ranks
        self.share, self.micro_batch = split_batch(train_config, ranks.world_size)
        self.validation_share = math.ceil(train_config.validation_sequences / ranks.world_size)
        self.precision = resolve_precision(train_config.precision, ranks.device)
        if data.vocab_size != model_config.vocab_size:
            msg = (
                f"the data has {data.vocab_size} tokens but the model vocab_size="
                f"{model_config.vocab_size}; make them equal"
            )
            raise UsageError(msg)
        data.check_length(model_config.context_length)
        torch.manual_seed(train_config.seed)
        self.model = build_model(model_config).to(ranks.device)
        self.optimizer = make_optimizer(self.model, train_config)
        called: Any = torch.compile(self.model) if compiled else self.model
        self.called: nn.Module = DistributedDataParallel(called) if ranks.world_size > 1 else called
        self.step = 0

    @property
    def tokens_per_step(self) -> int:
        """Training tokens of one step over all ranks."""
        return self.config.batch_size * self.model_config.context_length

    def settings(self) -> dict[str, Any]:
        """Everything that decides the numbers of the run, to compare on resume."""
        training = asdict(self.config) | {"precision": self.precision}
        return {
            "architecture": self.model.architecture,
            **self.model_config.to_dict(),
            **{name: value for name, value in training.items() if name not in CADENCE},
            "data": self.data.fingerprint,
        }

    def load(self, resume: bool) -> None:
        """Take up the run found in the folder; start a new one if there is none."""
        state = load_resume_state(self.out)
        if state is None:
            return
        found, asked = state["settings"], self.settings()
        different = sorted(k for k in found.keys() | asked.keys() if found.get(k) != asked.get(k))
        if different:
            listed = ", ".join(f"{k}={found.get(k)!r} not {asked.get(k)!r}" for k in different)
            msg = f"{self.out} holds a run with {listed}; choose another --out or the same settings"
            raise UsageError(msg)
        if not resume and state["step"] < self.config.steps:
            msg = (
                f"{self.out} holds a run at step {state['step']} of {self.config.steps}; "
                "add --resume to continue it, or choose another --out"
            )
            raise UsageError(msg)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        self.step = state["step"]

    def save(self) -> None:
        """Write what the step just taken calls for; the resume file last, when all else is safe."""
        at_end = self.step == self.config.steps
        if self.config.keeps(self.step):
            tokens = self.step * self.tokens_per_step
            save_checkpoint(
                self.out, self.model, step=self.step, tokens=tokens, seed=self.config.seed
            )
        if self.step % self.config.resume_every == 0 or at_end:
            self.metrics.sync()
            state = {
                "settings": self.settings(),
                "step": self.step,  # with the seed this is also the position in the data
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rng": torch.get_rng_state(),
            }
            save_resume_state(self.out, state)

    def continue_to_end(self, show_progress: bool) -> None:
        """Train from the step reached to the last one."""
        with contextlib.ExitStack() as stack:
            if self.ranks.is_main:
                remove_litter(self.out)
                self.metrics = MetricsFile(self.out, self.step)
                stack.callback(self.metrics.close)
                write_text_atomically(self.out / "tokenizer.json", self.data.tokenizer_json)
                if self.step == 0:
                    self.save()
            label = self.model.architecture
            progress = Progress(label, self.step, self.config.steps, show_progress)
            stack.enter_context(progress)
            for _ in range(self.step, self.config.steps):
                metrics = self.take_step()
                if self.ranks.is_main:
                    self.metrics.append(metrics)
                if not math.isfinite(metrics.train_loss + metrics.gradient_norm):
                    msg = (
                        f"step {self.step}: the loss or its gradient is not finite; training "
                        f"stopped. Lower the learning rate ({self.config.learning_rate:g})"
                    )
                    raise DivergenceError(msg)
                if self.ranks.is_main:
                    self.save()
                    progress.update(self.step, metrics.train_loss, metrics.validation_loss)
            self.ranks.wait()  # no rank may leave while rank 0 still writes

    def take_step(self) -> StepMetrics:
        """One update of the weights, and a validation loss if it is due."""
        started = time.perf_counter()
        self.step += 1
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.ranks.mean(self.backward())
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip).item()
        if math.isfinite(loss + norm):  # a step along NaN would ruin the weights
            self.optimizer.step()
            if isinstance(self.model, NGPT):
                self.model.normalize_matrices()
        self.optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
        due = self.step % self.config.validation_every == 0 or self.step == self.config.steps
        return StepMetrics(
            step=self.step,
            tokens=self.step * self.tokens_per_step,
            train_loss=loss,
            validation_loss=self.validate() if due else None,
            learning_rate=rate,
            gradient_norm=norm,
            seconds=seconds,
        )

    def backward(self) -> Tensor:
        """Gradient of the mean loss of this rank's share of the batch; returns that loss."""
        config, first = self.config, self.ranks.rank * self.share
        inputs, targets = self.data.batch(
            config.seed, self.step, config.batch_size, self.model_config.context_length
        )
        parts = range(first, first + self.share, self.micro_batch)
        total = torch.zeros((), device=self.ranks.device)
        for start in parts:
            rows = slice(start, start + self.micro_batch)
            with self.gradients_shared(start == parts[-1]):
                loss = self.loss(inputs[rows], targets[rows]) / len(parts)
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    @contextlib.contextmanager
    def gradients_shared(self, last_part: bool) -> Iterator[None]:
        """Let ranks average their gradients once, with the last part of the batch."""
        if isinstance(self.called, DistributedDataParallel) and not last_part:
            with self.called.no_sync():
                yield
        else:
            yield

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in the precision of the run."""
        device = self.ranks.device
        enabled = self.precision == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            loss: Tensor = self.called(inputs.to(device), targets.to(device))
        return loss

    @torch.no_grad()
    def validate(self) -> float:
        """Mean loss of the held-out sequences, in parts of the size of a micro-batch."""
        inputs, targets = self.data.validation_batch(
            self.config.validation_sequences, self.model_config.context_length
        )
        mine = range(self.ranks.rank, len(inputs), self.ranks.world_size)
        total = torch.zeros((), device=self.ranks.device)
        for rows in torch.tensor(mine).split(self.micro_batch):
            total += self.loss(inputs[rows], targets[rows]) * len(rows)
        return self.ranks.mean(total) * self.ranks.world_size / len(inputs)


def split_batch(config: TrainConfig, world_size: int) -> tuple[int, int]:
    """Sequences per rank and per forward pass.

    Raises
    ------
    UsageError
        If the batch does not split into equal parts.
    """
    if config.batch_size % world_size:
        msg = f"batch_size={config.batch_size} does not split over {world_size} ranks evenly"
        raise UsageError(msg)
    share = config.batch_size // world_size
    micro_batch = min(config.micro_batch_size or share, share)
    if share % micro_batch:
        msg = (
            f"micro_batch_size={micro_batch} does not divide the {share} sequences of each rank; "
            "choose a divisor"
        )
        raise UsageError(msg)
    return share, micro_batch
