"""Lanczos iteration for the largest eigenvalue of a symmetric operator, with its residual.

Shapes: n is the dimension of the operator, b vectors a step, m vectors of the basis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each

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
    start_bn: torch.Tensor,
    *,
    tolerance: float,
    max_steps: int,
) -> RitzPair:
    """Iterate until `value_error` is at most `tolerance * value`, or `max_steps` are spent.

    A block of b vectors goes through the operator at once: it costs little more than one where the
    operator is read from memory, and its steps fall as the root of the gap to value b + 1 instead
    of the second. Every new vector is made orthogonal to all earlier ones, twice, so no copies of
    a converged eigenvalue appear; directions that nothing new is left of are dropped.

    Parameters
    ----------
    apply : callable
        x_bn to x_bn A for a symmetric positive semidefinite A, in the dtype of `start_bn`.
    start_bn : tensor of shape (b, n)
        b vectors, not all zero; their dtype is the one worked in.
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

    References
    ----------
    Golub and Underwood, The block Lanczos method for computing eigenvalues, 1977.
    """
    block, n = start_bn.shape
    most = min(max_steps * block, n)
    basis_mn = torch.empty(most, n, dtype=start_bn.dtype, device=start_bn.device)
    projected_mm = torch.zeros(most, most, dtype=torch.float64)
    eps = torch.finfo(start_bn.dtype).eps
    noise, tiny = eps * max(4.0, math.sqrt(n)), 4 * eps
    new_bn, _ = _orthonormal(start_bn, 0.0, most)
    seen = 0
    for step in range(1, max_steps + 1):
        here = slice(seen, seen + len(new_bn))
        seen = here.stop
        basis_mn[here] = new_bn
        x_bn = apply(new_bn)
        if not math.isfinite(float(torch.linalg.vector_norm(x_bn))):
            msg = "the operator returned values that are not finite"
            raise FloatingPointError(msg)
        within_bb = (x_bn @ new_bn.T).double().cpu()
        projected_mm[here, here] = (within_bb + within_bb.T) / 2
        for _ in range(2):
            x_bn = x_bn - (x_bn @ basis_mn[:seen].T) @ basis_mn[:seen]
        # Shorter than rounding makes them, directions are noise, and not orthogonal to the basis.
        floor = noise * float(projected_mm.diagonal().max())
        new_bn, left_bb = _orthonormal(x_bn, floor, most - seen)
        exhausted = step == max_steps or not len(new_bn)
        if exhausted or step % CHECK_EVERY == 0:
            value, residual, runner_up, weights_m = _ritz(projected_mm[:seen, :seen], left_bb)
            # Of values that agree to rounding the gap says nothing, and more steps add nothing.
            exact = residual <= tiny * value
            if exhausted or exact or value_error(value, residual, runner_up) <= tolerance * value:
                break
        after = slice(seen, seen + len(new_bn))
        projected_mm[here, after] = left_bb[:, : len(new_bn)]
        projected_mm[after, here] = left_bb[:, : len(new_bn)].T
    vector_n = weights_m.to(basis_mn) @ basis_mn[:seen]
    vector_n = vector_n / torch.linalg.vector_norm(vector_n)
    return RitzPair(value, vector_n, residual, runner_up, step)


def _orthonormal(x_bn: torch.Tensor, floor: float, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows q of an orthonormal basis, and c with x = c q; `most` rows, and those above `floor`."""
    if len(x_bn) == 1:  # nothing to turn
        length = torch.linalg.vector_norm(x_bn)
        kept = min(most, int(length > floor))
        return (x_bn / length)[:kept], length.double().cpu().view(1, 1)
    columns_nb, root_bb = one_core_each(torch.linalg.qr, x_bn.T)
    turn_bb, lengths_b, across_bb = one_core_each(
        partial(torch.linalg.svd, full_matrices=False), root_bb
    )
    kept = min(most, int((lengths_b > floor).sum()))
    coefficients_bb = (lengths_b[:, None] * across_bb).T.double().cpu()
    return (columns_nb @ turn_bb[:, :kept]).T.contiguous(), coefficients_bb


def _ritz(
    projected_mm: torch.Tensor, left_bb: torch.Tensor
) -> tuple[float, float, float, torch.Tensor]:
    """Largest Ritz value, its residual, the runner-up, and the weights of its vector.

    `left_bb` is what the last block's images have outside the basis.
    """
    values, vectors = one_core_each(torch.linalg.eigh, projected_mm)
    residuals = torch.linalg.vector_norm(left_bb.T @ vectors[-len(left_bb) :, -2:], dim=0)
    runner_up = float(values[-2] + residuals[-2]) if len(values) > 1 else 0.0
    return float(values[-1]), float(residuals[-1]), runner_up, vectors[:, -1]
