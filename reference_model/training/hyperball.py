"""Hyperball: matrices of constant Frobenius norm, moved by steps of constant relative norm.

W <- R Norm(W - lr R Norm(u)) with R = ||W_0||_F, Norm(x) = x / ||x||_F and u the update that AdamW
or Muon propose (arXiv 2606.16899). On such a sphere the learning rate is the angle of a step, to
second order, and weight decay would do nothing but shorten it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

TINY = 1e-30
"""Keeps a step of zero zero; below the norm of any float32 step that is not."""
RADIUS = "radius"
"""Name of R in the optimiser's state of a matrix, so that a resumed run holds the same norm."""


def hold_norms(optimizer: Optimizer, matrices: Sequence[Tensor]) -> None:
    """Let every step of `optimizer` keep the Frobenius norm that each of `matrices` has before it.

    The optimiser itself must not decay them. It is made to start from zero, so that what it leaves
    behind is its update alone, of which only the direction is used.
    """
    before: list[Tensor] = []

    @torch.no_grad()
    def lift(*_: Any) -> None:
        before[:] = [matrix.detach().clone() for matrix in matrices]
        for matrix in matrices:
            matrix.zero_()

    @torch.no_grad()
    def turn(*_: Any) -> None:
        rate = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
        for matrix, old in zip(matrices, before, strict=True):
            # not sooner: AdamW takes a state that holds anything for one that it has set up
            radius = optimizer.state[matrix].setdefault(RADIUS, frobenius(old))
            matrix.mul_(rate[matrix] * radius / frobenius(matrix).clamp_min(TINY)).add_(old)
            matrix.mul_(radius / frobenius(matrix))
        before.clear()

    if matrices:
        optimizer.register_step_pre_hook(lift)
        optimizer.register_step_post_hook(turn)


def frobenius(matrix: Tensor) -> Tensor:
    """||matrix||_F, of the whole matrix where ranks hold slices of it."""
    norm = torch.linalg.vector_norm(matrix)
    whole: Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return whole
