"""Matrices that are drawn at random, in float64, the same in every run."""

from __future__ import annotations

import torch


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def orthogonal(rows: int, columns: int | None = None, seed: int = 0) -> torch.Tensor:
    """Return rows of a random orthogonal matrix, at most as many as it has columns."""
    return torch.linalg.qr(normal(columns or rows, rows, seed=seed)).Q.T
