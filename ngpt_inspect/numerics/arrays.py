"""Norms of NumPy arrays in float64, for what is asked of a checkpoint without importing torch.

Shapes: V rows, D columns.
"""

from __future__ import annotations

from ngpt_inspect.later.numpy import np
from ngpt_inspect.numerics.finite import NON_FINITE, NonFinite, row_blocks

BLOCK_ELEMENTS = 1 << 18
"""Values widened at a time: 2 MB, which stay near the processor."""


def require_finite(x: np.ndarray) -> None:
    """Raise `NonFinite`, which counts them, if a value is NaN or infinite."""
    blocks = row_blocks(np.atleast_1d(x), BLOCK_ELEMENTS)
    count = sum(int((~np.isfinite(rows)).sum()) for rows in blocks)
    if count:
        msg = f"{count} of {x.size} {NON_FINITE}"
        raise NonFinite(msg)


def row_norms(x_VD: np.ndarray) -> np.ndarray:
    """|x_i| for every row i, shape (V,), float64."""
    norms = [np.zeros(0)]
    for rows in row_blocks(x_VD, BLOCK_ELEMENTS):
        # Squares of float64 may overflow or vanish; those of narrower values do not.
        exponents = np.zeros(len(rows), int)
        if x_VD.dtype == np.float64:
            exponents = np.frexp(np.abs(rows).max(1, initial=0.0))[1]
            rows = np.ldexp(rows, -exponents[:, None])
        wide = rows.astype(np.float64, copy=False)
        near = np.sqrt(np.einsum("vd,vd->v", wide, wide))
        with np.errstate(over="ignore"):  # a norm that no float64 holds is infinite
            norms.append(np.ldexp(near, exponents))
    return np.concatenate(norms)


def column_norms(x_VD: np.ndarray) -> np.ndarray:
    """|x_j| for every column j, shape (D,), float64."""
    if x_VD.dtype == np.float64:
        return row_norms(np.ascontiguousarray(x_VD.T))
    squares_D = np.zeros(x_VD.shape[1])
    for rows in row_blocks(x_VD, BLOCK_ELEMENTS):
        wide = rows.astype(np.float64)
        squares_D += np.einsum("vd,vd->d", wide, wide)
    return np.sqrt(squares_D)
