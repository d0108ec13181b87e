from collections.abc import Callable, Sequence

import pytest
import torch

Make = Callable[..., torch.Tensor]


@pytest.fixture
def with_spectrum() -> Make:
    """A function making U diag(s) V^T in float64 with random orthogonal U and V."""

    def make(rows: int, columns: int, s_n: Sequence[float] | torch.Tensor, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)

        def orthogonal(length: int) -> torch.Tensor:
            square = (length, min(rows, columns))
            return torch.linalg.qr(torch.randn(square, generator=generator, dtype=torch.float64)).Q

        s_n = torch.as_tensor(s_n, dtype=torch.float64)
        return (orthogonal(rows) * s_n) @ orthogonal(columns).T

    return make


@pytest.fixture
def unit_rows() -> Make:
    """A function making random rows of norm 1, as an nGPT starts out."""

    def make(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
        x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
        return x / torch.linalg.vector_norm(x, dim=1, keepdim=True)

    return make
