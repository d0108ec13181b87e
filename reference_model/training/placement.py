"""Where a model is while it trains: here a whole copy on every rank, in `sharding` a slice of it.

Both placements offer the trainer the same: the model whose parameters it updates, a call that
returns the loss, gradients averaged over the ranks, and the way between tensors as they are placed
and the whole tensors that files hold.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from reference_model.model import GPT, NGPT
from reference_model.training.ranks import Ranks


class Copies:
    """A whole copy of a model on every rank, or on the only one; DDP averages the gradients.

    Called like the model with targets; returns the mean loss of this rank's sequences.

    Parameters
    ----------
    model : GPT or NGPT
        The same on every rank, still where it was built.
    ranks : Ranks
    compiled : bool
        Pass the model through torch.compile.
    """

    def __init__(self, model: GPT | NGPT, ranks: Ranks, compiled: bool) -> None:
        self.model = model.to(ranks.device)
        self.forward: Any = torch.compile(self.model) if compiled else self.model
        self.is_alone = ranks.world_size == 1
        if not self.is_alone:
            self.forward = DistributedDataParallel(self.forward)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:  # noqa: D102
        loss: Tensor = self.forward(inputs, targets)
        return loss

    def averaging(self, now: bool) -> AbstractContextManager[None]:
        """Within it, a backward pass averages all gradients so far, or leaves it to a later one."""
        no_sync: AbstractContextManager[None] = (
            nullcontext() if now or self.is_alone else self.forward.no_sync()
        )
        return no_sync

    def clip_gradients(self, limit: float) -> float:
        """Scale the gradients so that their joint L2 norm is at most `limit`.

        Returns the norm before, the same number on every rank.
        """
        return nn.utils.clip_grad_norm_(self.model.parameters(), limit).item()

    def whole(self, tensor: Tensor) -> Tensor | None:
        """Return the whole of a placed tensor, as a file holds it; only rank 0 must get it.

        Every rank must take part.
        """
        return tensor

    def place(self, tensor: Tensor, like: Tensor) -> Tensor:
        """Return a copy of a whole tensor, laid out as `like`, one of the model's own, is.

        Every rank must take part.
        """
        return tensor.to(like.device, copy=True)
