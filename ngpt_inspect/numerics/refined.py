"""The smallest singular value from factors in single precision, made exact in double.

Factors in float32 cost half, and are an inverse that is right to kappa times its eps. They guide a
search whose every image is computed in float64 on the stored values: the generalised Davidson
method, which for so good an inverse gains two digits a step.

Shapes: O rows, I columns, k directions of the search so far.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ngpt_inspect.numerics.cores import one_core_each

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from ngpt_inspect.numerics.lanczos import RitzPair

MOST_STEPS = 8
NOISE = 10.0
"""What the factors say of other vectors is as many times further off as 1 / sigma_min^2 is."""


def refined_smallest(
    guess: RitzPair,
    inverse: Callable[[torch.Tensor], torch.Tensor],
    images: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    tolerance: float,
) -> tuple[float, float, torch.Tensor] | None:
    """sigma_min, a bound on its relative error and its right singular vector.

    The value is that of W on the span of all directions tried, V: the smallest singular value of
    W V. With A = W^T W, v its vector and r = A v - sigma^2 v, the square of it is above the true
    one by r^T (C - lambda_1)^-1 r, where C is A beside v, and so by at most r^T A^-1 r over
    1 - lambda_1 / lambda_2 (Schur complements).

    Parameters
    ----------
    guess : RitzPair
        The largest of the inverse, as the factors give it, and its runner-up.
    inverse : callable
        x_1I to x_1I (W^T W)^-1, in the precision of `guess.vector`.
    images : callable
        v_I to W v and W^T W v, in float64.
    tolerance : float
        Relative error of sigma_min at which to stop.

    Returns
    -------
    tuple or None
        None where the factors are too rough for the matrix.

    References
    ----------
    Morgan and Scott, Generalizations of Davidson's method, doi 10.1137/0907054.
    """
    import torch

    def inverted(x_I: torch.Tensor) -> torch.Tensor:
        return inverse(x_I.to(guess.vector).unsqueeze(0))[0].double()

    new_I = inverted(guess.vector)
    tried_kI, images_Ok, backs_kI = new_I.new_empty(0, len(new_I)), [], []
    for _ in range(MOST_STEPS):
        for _ in range(2):
            new_I = new_I - (tried_kI @ new_I) @ tried_kI
        tried_kI = torch.cat([tried_kI, new_I.unsqueeze(0) / torch.linalg.vector_norm(new_I)])
        image_O, back_I = images(tried_kI[-1])
        images_Ok.append(image_O)
        backs_kI.append(back_I)
        _, root_kk = one_core_each(
            partial(torch.linalg.qr, mode="r"), torch.stack(images_Ok, dim=1)
        )
        _, sigmas_k, across_kk = one_core_each(torch.linalg.svd, root_kk)
        sigma, weights_k = float(sigmas_k[-1]), across_kk[-1]
        vector_I = weights_k @ tried_kI
        residual_I = weights_k @ torch.stack(backs_kI) - sigma**2 * vector_I
        length = float(torch.linalg.vector_norm(residual_I))
        new_I = inverted(residual_I / length) if length else residual_I
        doubt = NOISE * abs(guess.value * sigma**2 - 1)
        apart = 1 - sigma**2 * guess.runner_up * (1 + doubt)
        if doubt <= 1 and apart > 0:
            left = length * abs(float(residual_I @ new_I)) / sigma**2
            error = (1 + doubt) * left / apart / 2
            if error <= tolerance:
                return sigma, error, vector_I
        if not float(torch.linalg.vector_norm(new_I)) > 0:  # none, or one that is not finite
            break
    return None
