"""A model that is too large for one device: FSDP2 keeps a slice of every tensor on each rank.

A tensor is cut along its first axis as ``torch.chunk`` cuts it; slices can differ in length or be
empty. A layer is whole only during its forward and its backward pass; its gradients and the
optimiser's moments exist in slices only. Slices are DTensors: arithmetic on them, such as the norm
of columns that span the ranks, is arithmetic on the whole.

Weights travel in the float32 they are kept in, and autocast rounds them where it does without
sharding: a `MixedPrecisionPolicy` would send half the bytes but round scalings and gains as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from reference_model.model import GPT, NGPT
from reference_model.training.placement import Copies
from reference_model.training.ranks import Ranks


class Shards(Copies):
    """A slice of every tensor of a model on every rank; used like `Copies`.

    Micro-batches add up their gradients unsliced, so that each step sends them once.
    """

    def __init__(self, model: GPT | NGPT, ranks: Ranks, compiled: bool) -> None:
        mesh = init_device_mesh(ranks.device.type, (ranks.world_size,))
        # each call moves to the device what it cuts, so that no device ever holds the whole
        for layer in model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        self.model = model
        self.forward: Any = torch.compile(model) if compiled else model
        self.is_main = ranks.is_main

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:  # noqa: D102
        loss = super().__call__(inputs, targets)
        if not torch.is_grad_enabled():
            # embeddings stay whole for the backward pass, but here none will follow
            cast(FSDPModule, self.model).reshard()
        return loss

    @contextmanager
    def averaging(self, now: bool) -> Iterator[None]:  # noqa: D102
        cast(FSDPModule, self.model).set_requires_gradient_sync(now)
        yield

    def clip_gradients(self, limit: float) -> float:  # noqa: D102
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        return cast(DTensor, norm).full_tensor().item()

    def whole(self, tensor: Tensor) -> Tensor | None:  # noqa: D102
        if isinstance(tensor, DTensor):
            tensor = tensor.full_tensor()  # one at a time, and kept by rank 0 only
        return tensor.cpu() if self.is_main else None

    def place(self, tensor: Tensor, like: Tensor) -> Tensor:  # noqa: D102
        if isinstance(like, DTensor):
            return distribute_tensor(tensor, like.device_mesh, like.placements)
        return tensor
