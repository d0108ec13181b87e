"""Lanczos iteration for the largest eigenvalue of a symmetric operator, with its residual.

Shapes: n is the dimension of the operator, k the number of steps taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    diagonal, off_diagonal = np.zeros(steps), np.zeros(steps)
    q_kn[0] = start_n / torch.linalg.vector_norm(start_n)
    tiny = 4 * torch.finfo(start_n.dtype).eps
    for k in range(steps):
        x_n = apply(q_kn[k])
        diagonal[k] = float(x_n @ q_kn[k])
        basis = q_kn[: k + 1]
        for _ in range(2):
            x_n = x_n - basis.T @ (basis @ x_n)
        off_diagonal[k] = float(torch.linalg.vector_norm(x_n))
        if not np.isfinite(off_diagonal[k]):
            msg = "the operator returned values that are not finite"
            raise FloatingPointError(msg)
        exhausted = k + 1 == steps or off_diagonal[k] <= tiny * abs(diagonal[: k + 1]).max()
        if exhausted or (k + 1) % CHECK_EVERY == 0:
            value, residual, runner_up, weights = _ritz(diagonal[: k + 1], off_diagonal[: k + 1])
            if exhausted or value_error(value, residual, runner_up) <= tolerance * value:
                break
        q_kn[k + 1] = x_n / off_diagonal[k]
    mix = torch.from_numpy(weights).to(q_kn)
    vector_n = mix @ basis
    vector_n = vector_n / torch.linalg.vector_norm(vector_n)
    return RitzPair(value, vector_n, residual, runner_up, k + 1)


def _ritz(diagonal: np.ndarray, off_diagonal: np.ndarray) -> tuple[float, float, float, np.ndarray]:
    """Largest Ritz value, its residual, the runner-up, and the weights of its vector."""
    k = len(diagonal)
    tridiagonal = np.diag(diagonal) + np.diag(off_diagonal[:-1], 1) + np.diag(off_diagonal[:-1], -1)
    values, vectors = np.linalg.eigh(tridiagonal)
    residuals = off_diagonal[-1] * abs(vectors[-1])
    runner_up = values[-2] + residuals[-2] if k > 1 else 0.0
    return float(values[-1]), float(residuals[-1]), float(runner_up), vectors[:, -1].copy()
