"""Lanczos iteration for the largest eigenvalue of a symmetric operator, with its residual.

Shapes: n is the dimension of the operator, k the number of steps taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.cores import one_core_each

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

CHECK_EVERY = 6


@dataclass(frozen=True)
class RitzPair:
    """The largest Ritz pair of a symmetric operator, and how far to trust it."""

    value: float
    """The Ritz value, a lower bound on the largest eigenvalue."""
    vector: torch.Tensor
    """Unit vector of shape (n,)."""
    residual: float
    """|A v - value v| as the recurrence gives it."""
    runner_up: float
    """Upper estimate of the second eigenvalue: the second Ritz value plus its residual."""
    steps: int
    """Operator applications spent."""


def value_error(value: float, residual: float, runner_up: float) -> float:
    """Bound on |value - eigenvalue|: min(r, r^2 / gap) with gap = value - runner_up.

    The first is Weyl's bound, the second Kato and Temple's (Parlett, The Symmetric Eigenvalue
    Problem, 1998, section 11.7).
    """
    gap = value - residual - runner_up
    return min(residual, residual**2 / gap) if gap > 0 else residual


def largest_ritz_pair(
    apply: Callable[[torch.Tensor], torch.Tensor],
    start_n: torch.Tensor,
    *,
    tolerance: float,
    max_steps: int,
) -> RitzPair:
    """Iterate until `value_error` is at most `tolerance * value`, or `max_steps` are spent.

    Every new vector is made orthogonal to all earlier ones, twice, so no copies of a converged
    eigenvalue appear.

    Parameters
    ----------
    apply : callable
        x_n to A x_n for a symmetric positive semidefinite A, in the dtype of `start_n`.
    start_n : tensor of shape (n,)
        Not zero; its dtype is the one worked in.
    tolerance : float
        Relative error of the value at which to stop.
    max_steps : int
        Limit on applications of the operator.

    Returns
    -------
    RitzPair
        The caller judges from `residual` whether it converged.

    Raises
    ------
    FloatingPointError
        If the operator returns values that are not finite.
    """
    import torch

    steps = min(max_steps, start_n.shape[0])
    q_kn = torch.empty(steps, start_n.shape[0], dtype=start_n.dtype, device=start_n.device)
    diagonal = torch.zeros(steps, dtype=torch.float64)
    off_diagonal = torch.zeros(steps, dtype=torch.float64)
    q_kn[0] = start_n / torch.linalg.vector_norm(start_n)
    tiny = 4 * torch.finfo(start_n.dtype).eps
    for k in range(steps):
        x_n = apply(q_kn[k])
        diagonal[k] = x_n @ q_kn[k]
        basis = q_kn[: k + 1]
        for _ in range(2):
            x_n = x_n - basis.T @ (basis @ x_n)
        length = float(torch.linalg.vector_norm(x_n))
        off_diagonal[k] = length
        if not math.isfinite(length):
            msg = "the operator returned values that are not finite"
            raise FloatingPointError(msg)
        exhausted = k + 1 == steps or length <= tiny * float(diagonal.max())
        if exhausted or (k + 1) % CHECK_EVERY == 0:
            value, residual, runner_up, weights = _ritz(diagonal[: k + 1], off_diagonal[: k + 1])
            if exhausted or value_error(value, residual, runner_up) <= tolerance * value:
                break
        q_kn[k + 1] = x_n / length
    vector_n = weights.to(q_kn) @ basis
    vector_n = vector_n / torch.linalg.vector_norm(vector_n)
    return RitzPair(value, vector_n, residual, runner_up, k + 1)


def _ritz(
    diagonal_k: torch.Tensor, off_diagonal_k: torch.Tensor
) -> tuple[float, float, float, torch.Tensor]:
    """Largest Ritz value, its residual, the runner-up, and the weights of its vector."""
    import torch

    inner = off_diagonal_k[:-1]
    tridiagonal = diagonal_k.diag() + inner.diag(1) + inner.diag(-1)
    values, vectors = one_core_each(torch.linalg.eigh, tridiagonal)
    residuals = off_diagonal_k[-1] * vectors[-1].abs()
    runner_up = float(values[-2] + residuals[-2]) if len(values) > 1 else 0.0
    return float(values[-1]), float(residuals[-1]), runner_up, vectors[:, -1]
