"""One step of training and one validation loss, on one rank of any number."""

import math
import time

import torch
from torch import Tensor

from reference_model.config import ModelConfig, TrainConfig
from reference_model.data import TokenData
from reference_model.errors import UsageError
from reference_model.fused import fuse
from reference_model.model import GPT, NGPT, build_model
from reference_model.schedule import learning_rate
from reference_model.training.allocator import keep_freed_memory
from reference_model.training.metrics import StepMetrics
from reference_model.training.optimizer import make_optimizers
from reference_model.training.placement import Copies
from reference_model.training.precision import resolve_precision
from reference_model.training.ranks import Ranks


class Trainer:
    """A model, its optimiser and its data; `take_step` moves them on by one step."""

    def __init__(
        self,
        model_config: ModelConfig,
        config: TrainConfig,
        data: TokenData,
        ranks: Ranks,
        compiled: bool = False,
        sharded: bool = False,
    ) -> None:
        check_vocabulary(model_config, data)
        data.check_length(model_config.context_length)
        self.context_length = model_config.context_length
        self.config, self.data, self.ranks = config, data, ranks
        if ranks.device.type == "cpu":
            keep_freed_memory()
        self.share, self.micro_batch = split_batch(config, ranks.world_size)
        self.precision = resolve_precision(config.precision, ranks.device)
        torch.manual_seed(config.seed)
        model = fuse(build_model(model_config))  # on the CPU, so that any placement starts the same
        self.placement = place_model(model, ranks, sharded=sharded, compiled=compiled)
        self.model = self.placement.model
        self.optimizers = make_optimizers(self.model, config)
        self.step = 0

    @property
    def tokens(self) -> int:
        """Training tokens seen so far over all ranks."""
        return self.step * self.config.batch_size * self.context_length

    def take_step(self) -> StepMetrics:
        """Update the weights once, and measure the validation loss if it is due.

        When the loss or the gradient is not finite the weights are left as they are.
        """
        started = time.perf_counter()
        self.step += 1
        rate = learning_rate(self.config, self.step)
        loss = self.ranks.mean(self._backward())
        norm = self.placement.clip_gradients(self.config.gradient_clip)
        if math.isfinite(loss + norm):
            self._update(rate)
        self.model.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
        due = self.step % self.config.validation_every == 0 or self.step == self.config.steps
        return StepMetrics(
            step=self.step,
            tokens=self.tokens,
            train_loss=loss,
            validation_loss=self.validate() if due else None,
            learning_rate=rate,
            gradient_norm=norm,
            seconds=seconds,
        )

    @torch.no_grad()
    def validate(self) -> float:
        """Mean loss of the held-out sequences, in nats per token."""
        inputs, targets = self.data.validation_batch(
            self.config.validation_sequences, self.context_length
        )
        mine = torch.arange(self.ranks.rank, len(inputs), self.ranks.world_size)
        most = math.ceil(len(inputs) / self.ranks.world_size)
        total = torch.zeros((), device=self.ranks.device)
        for start in range(0, most, self.micro_batch):
            rows = mine[start : start + self.micro_batch]
            # a rank that has none left computes one for nothing: sharded ranks go in step
            used = rows if len(rows) else torch.tensor([0])
            total += self._loss(inputs[used], targets[used]) * len(rows)
        return self.ranks.mean(total) * self.ranks.world_size / len(inputs)

    def _update(self, rate: float) -> None:
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        if isinstance(self.model, NGPT):
            self.model.normalize_matrices()  # section 2.6, step 2

    def _backward(self) -> Tensor:
        """Gradient of the mean loss of this rank's share of the batch; returns that loss."""
        # every rank draws the whole batch: it is small, and so any number of ranks sees the same
        inputs, targets = self.data.batch(
            self.config.seed, self.step, self.config.batch_size, self.context_length
        )
        first = self.ranks.rank * self.share
        starts = range(first, first + self.share, self.micro_batch)
        total = torch.zeros((), device=self.ranks.device)
        for start in starts:
            rows = slice(start, start + self.micro_batch)
            with self.placement.averaging(now=start == starts[-1]):  # once, at the end
                loss = self._loss(inputs[rows], targets[rows]) / len(starts)
                loss.backward()
            total += loss.detach()
        return total

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in the precision of the run."""
        device = self.ranks.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self.placement(inputs.to(device), targets.to(device))


def check_vocabulary(model_config: ModelConfig, data: TokenData) -> None:
    """Raise UsageError unless the model has one embedding for every token of the data."""
    if data.vocab_size != model_config.vocab_size:
        raise UsageError(
            f"the data has {data.vocab_size} tokens but the model has "
            f"vocab_size={model_config.vocab_size}; make them equal"
        )


def split_batch(config: TrainConfig, world_size: int) -> tuple[int, int]:
    """Sequences per rank and per forward pass.

    Raises
    ------
    UsageError
        If the batch does not split into equal parts.
    """
    if config.batch_size % world_size:
        msg = f"batch_size={config.batch_size} does not split evenly over {world_size} ranks"
        raise UsageError(msg)
    share = config.batch_size // world_size
    micro_batch = min(config.micro_batch_size or share, share)
    if share % micro_batch:
        raise UsageError(
            f"micro_batch_size={micro_batch} does not divide the {share} sequences of each rank; "
            "choose a divisor"
        )
    return share, micro_batch


def place_model(model: GPT | NGPT, ranks: Ranks, *, sharded: bool, compiled: bool) -> Copies:
    """Put a newly built model where it trains.

    Raises
    ------
    UsageError
        If it is to be sharded over a single rank.
    """
    if not sharded:
        return Copies(model, ranks, compiled)
    if ranks.world_size == 1:
        raise UsageError(
            "--shard splits the model over the ranks of torchrun, but this process is alone; "
            "start it with torchrun --nproc-per-node N, or leave --shard out"
        )
    from reference_model.training.sharding import (
        Shards,  # half a second of imports, needed by few runs
    )

    return Shards(model, ranks, compiled)
