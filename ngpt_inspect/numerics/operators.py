"""What an iteration multiplies by: W^T W, its inverse by factors, and W in float64.

Shapes: O rows, I columns, O >= I; b vectors, one a row, go through an operator at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import MOST_SHARES, SHARE, one_core_each, side_by_side
from ngpt_inspect.numerics.finite import row_blocks

Operator = Callable[["torch.Tensor"], "torch.Tensor"]
Mapped = Callable[..., Iterator[Any]]
"""`map`, or one that works on several items at once."""

NEAR_ELEMENTS = 1 << 18
"""Values of a block of rows that is used twice: 1 MB of float32."""
MEASURED_ELEMENTS = 1 << 19
"""Values of a block of rows that is widened: 4 MB of float64."""


def start_directions(w_OI: torch.Tensor, dtype: torch.dtype, count: int = 1) -> torch.Tensor:
    """Draw the same random directions every time; they have parts along every singular vector."""
    generator = torch.Generator().manual_seed(20241001)
    start_bI = torch.randn(count, w_OI.shape[1], generator=generator, dtype=torch.float64)
    return start_bI.to(device=w_OI.device, dtype=dtype)


def threads_for(w_OI: torch.Tensor) -> AbstractContextManager[Mapped]:
    """Give a `map` over the shares of a matrix; what torch does meanwhile takes one core each."""
    return side_by_side(1 if w_OI.is_cuda else len(_shares(w_OI)))


def _shares(w_OI: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Cut into rows for so many threads as the size is worth, whether they are there or not."""
    return w_OI.tensor_split(min(MOST_SHARES, max(1, w_OI.numel() // SHARE)))


def normal_product(w_OI: torch.Tensor, mapped: Mapped = map) -> Operator:
    """Map x to x W^T W, reading W once: a block of rows is still near the core when used again."""
    step = max(1, NEAR_ELEMENTS // w_OI.shape[1])

    def of_share(rows_RI: torch.Tensor, x_bI: torch.Tensor) -> torch.Tensor:
        out_bI = torch.zeros_like(x_bI)
        for rows in rows_RI.split(step):
            out_bI.addmm_(x_bI @ rows.T, rows)
        return out_bI

    def product(x_bI: torch.Tensor) -> torch.Tensor:
        if w_OI.is_cuda:
            return (x_bI @ w_OI.T) @ w_OI
        out_bI = torch.zeros_like(x_bI)
        for part_bI in mapped(partial(of_share, x_bI=x_bI), _shares(w_OI)):
            out_bI += part_bI
        return out_bI

    return product


def symmetric_product(g_II: torch.Tensor, mapped: Mapped = map) -> Operator:
    """Map x to x G."""

    def product(x_bI: torch.Tensor) -> torch.Tensor:
        return torch.cat(list(mapped(lambda rows: x_bI @ rows.T, _shares(g_II))), dim=1)

    return product


def images(
    w_OI: torch.Tensor, v_I: torch.Tensor, mapped: Mapped
) -> tuple[torch.Tensor, torch.Tensor]:
    """W v and W^T W v, in float64 on the stored values, reading them once."""

    def of_share(share_RI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images_R, back_I, room = [], torch.zeros_like(v_I), None
        for rows in row_blocks(share_RI, MEASURED_ELEMENTS):
            # In memory that is kept: fresh memory costs more than the product.
            room = torch.empty_like(rows, dtype=torch.float64) if room is None else room
            wide = room[: len(rows)].copy_(rows)
            images_R.append(wide @ v_I)
            back_I += wide.T @ images_R[-1]
        return torch.cat(images_R), back_I

    images_R, backs = zip(*mapped(of_share, _shares(w_OI)), strict=True)
    return torch.cat(images_R), sum(backs[1:], backs[0])


def forms_inverse(w: torch.Tensor) -> bool:
    """Whether an inverse is formed and multiplied with, and not solved with vector by vector.

    On a GPU a triangular solve of one vector waits for as many steps as there are rows; an inverse
    costs a product there. What it loses in digits the readings on W show, as on any route.
    """
    return w.is_cuda


def lu_factors(w_II: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """LU factors of W^T, as columns are what LAPACK factorises; in place, in memory of its own."""
    lu = w_II.to(torch.float64, copy=True, memory_format=torch.contiguous_format).T
    pivots, info = (torch.empty(0, dtype=torch.int32, device=lu.device) for _ in range(2))
    torch.linalg.lu_factor_ex(lu, out=(lu, pivots, info))
    return lu, pivots


def lu_solver(lu: torch.Tensor, pivots: torch.Tensor) -> Operator:
    """Map x to x (W^T W)^-1, where these are the LU factors of W^T."""
    if forms_inverse(lu):
        unit_II = torch.eye(len(lu), dtype=lu.dtype, device=lu.device)
        return normal_product(torch.linalg.lu_solve(lu, pivots, unit_II))

    def inverse(x_bI: torch.Tensor) -> torch.Tensor:
        y_Ib = torch.linalg.lu_solve(lu, pivots, x_bI.T)
        z_Ib: torch.Tensor = torch.linalg.lu_solve(lu, pivots, y_Ib, adjoint=True)
        return z_Ib.T

    return inverse


def triangular_root(w_OI: torch.Tensor) -> torch.Tensor:
    """Upper triangular R with R^T R = W^T W, by QR: of a float64 matrix, or of each of a stack."""
    r_II: torch.Tensor = one_core_each(partial(torch.linalg.qr, mode="r"), w_OI)[1]
    return r_II


def triangular_solver(r_II: torch.Tensor) -> Operator:
    """Map x to x (R^T R)^-1, for an upper triangular R."""
    if forms_inverse(r_II):
        unit_II = torch.eye(len(r_II), dtype=r_II.dtype, device=r_II.device)
        return normal_product(torch.linalg.solve_triangular(r_II, unit_II, upper=True).T)

    def inverse(x_bI: torch.Tensor) -> torch.Tensor:
        y_Ib = torch.linalg.solve_triangular(r_II.T, x_bI.T, upper=False)
        z_Ib: torch.Tensor = torch.linalg.solve_triangular(r_II, y_Ib, upper=True)
        return z_Ib.T

    return inverse
