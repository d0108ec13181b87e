"""Which process of a run this is: alone, or one of those ``torchrun`` started."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

from reference_model.errors import UsageError


@dataclass(frozen=True)
class Ranks:
    """The place of this process among the `world_size` that share every batch."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def mean(self, value: Tensor) -> float:
        """Mean of a scalar over all ranks."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value.item() / self.world_size

    def wait(self) -> None:
        """Return when every rank has come this far."""
        if self.world_size > 1:
            dist.barrier()


@contextmanager
def join_ranks(device: str) -> Iterator[Ranks]:
    """Join the process group that ``torchrun`` describes in the environment, if there is one.

    Parameters
    ----------
    device : str
        "auto" (CUDA if there is any), "cpu", "cuda" or "cuda:1".
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")), world_size)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    starts_group = world_size > 1 and not dist.is_initialized()
    if starts_group:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Ranks(rank, world_size, chosen)
    finally:
        if starts_group:
            dist.destroy_process_group()


def leave(code: int) -> NoReturn:
    """End this process with an exit code; one of several without tearing torch down.

    Now and then a thread of torch's aborts a process that is being torn down, after all of its
    work (one in some hundred, torch 2.13); ``torchrun`` would then call a finished run failed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _device(name: str, local_rank: int, world_size: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name}: not a device; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device {name}: this torch sees no CUDA device; use --device cpu")
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", local_rank if world_size > 1 else torch.cuda.current_device())
    return device
