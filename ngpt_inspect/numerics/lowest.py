"""The right singular vectors of the smallest singular values of a stack, and triangular roots.

Shapes: O rows, I columns, O >= I, H stacked matrices (heads).
"""

from __future__ import annotations

from functools import partial

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.numerics.extremes import EPS, MAX_VECTORS
from ngpt_inspect.numerics.lanczos import largest_ritz_pair
from ngpt_inspect.numerics.operators import (
    start_directions,
    triangular_root,
    triangular_solver,
)
from ngpt_inspect.numerics.spectra import Spectra

INVERSE_STEPS = 3
VALUE_TOLERANCE = 1e-3
"""Relative error of 1 / sigma_min^2 at which an iteration stops: only the vector is wanted."""


def lowest_vectors(
    tall_HOI: torch.Tensor, found: Spectra, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find unit vectors v with |W v| = sigma_min, and upper triangular R, R^T R = scale^2 W^T W.

    Where the Gram matrix gave the values it gives these too, by inverse iteration just below its
    smallest eigenvalue; elsewhere the R of a QR factorisation does, by Lanczos on its inverse.

    Parameters
    ----------
    tall_HOI : tensor of shape (H, O, I), O >= I
        Any floating dtype, finite.
    found : Spectra
        Of the same matrices, with the same `scale`.
    scale : float
        Power of two to multiply by first.

    Returns
    -------
    vector_HI : tensor of shape (H, I), float64
    root_HII : tensor of shape (H, I, I), float64
    """
    (start_I,) = start_directions(tall_HOI[0], torch.float64)
    square_H = (found.values_Hn[:, -1] * scale) ** 2
    vector_HI, root_HII = one_core_each(partial(_by_gram, start_I), found.gram_Hnn, square_H)
    for head, method in enumerate(found.methods):
        if method != "gram":
            vector_HI[head], root_HII[head] = _by_qr(tall_HOI[head].double() * scale)
    return vector_HI, root_HII


def _by_gram(
    start_I: torch.Tensor, gram_HII: torch.Tensor, square_H: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    columns = len(start_I)
    below_H = square_H - columns * EPS * gram_HII.diagonal(dim1=1, dim2=2).sum(-1)
    unit_II = torch.eye(columns, dtype=torch.float64, device=gram_HII.device)
    lu, pivots, _ = torch.linalg.lu_factor_ex(gram_HII - below_H[:, None, None] * unit_II)
    vector_HI1 = start_I.expand(len(gram_HII), -1)[..., None]
    for _ in range(INVERSE_STEPS):
        vector_HI1 = torch.nn.functional.normalize(
            torch.linalg.lu_solve(lu, pivots, vector_HI1), dim=1
        )
    return vector_HI1.squeeze(-1), torch.linalg.cholesky_ex(gram_HII).L.mT.contiguous()


def _by_qr(tall_OI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    root_II = triangular_root(tall_OI)
    start_1I = start_directions(tall_OI, torch.float64)
    inverse = triangular_solver(root_II)
    try:
        pair = largest_ritz_pair(
            inverse, start_1I, tolerance=VALUE_TOLERANCE, max_steps=MAX_VECTORS
        )
    except FloatingPointError:
        # Exactly singular: nothing is known of the vector, so it is taken as spread evenly.
        return torch.full_like(start_1I[0], len(root_II) ** -0.5), root_II
    # One more solve: W v would magnify what is left in v of the large singular directions.
    vector_I = inverse(pair.vector.unsqueeze(0))[0]
    return vector_I / torch.linalg.vector_norm(vector_I), root_II
