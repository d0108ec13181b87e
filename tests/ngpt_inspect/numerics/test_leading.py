"""Leading eigenvectors against full decompositions: of gaps, of none, and of low rank."""

import pytest
import torch

from ngpt_inspect.numerics import leading
from ngpt_inspect.numerics.leading import leading_eigenvectors

N, EPS = 200, 2.0**-52
SPECTRA = {
    "random": torch.distributions.Uniform(0, 4).icdf(torch.linspace(0, 1, N).double()),
    "steep": torch.logspace(-20, 0, N, dtype=torch.float64),
    "two equal at the cut": torch.cat((torch.full((N - 4,), 0.5), torch.arange(1.0, 5))).double(),
    "of rank 3": torch.cat((torch.zeros(N - 3), torch.arange(1.0, 4))).double(),
    "all equal": torch.ones(N, dtype=torch.float64),
    "zero": torch.zeros(N, dtype=torch.float64),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_leading_eigenvectors_of_a_known_spectrum(name):
    generator = torch.Generator().manual_seed(1)
    q = torch.linalg.qr(torch.randn(N, N, generator=generator, dtype=torch.float64)).Q
    g = q * SPECTRA[name] @ q.T
    g = (g + g.T) / 2
    values, vectors = leading_eigenvectors(g, 8)
    largest = float(SPECTRA[name][-1])
    assert (values - SPECTRA[name][-8:]).abs().max() <= 8 * N * EPS * largest
    slack = leading.TOLERANCE * largest
    assert (g @ vectors - vectors * values).norm(dim=0).max() <= slack
    assert (vectors.T @ vectors - torch.eye(8)).abs().max() < 100 * EPS


def test_no_full_decomposition_where_there_is_a_gap(monkeypatch):
    g = torch.diag(torch.linspace(0, 1, N, dtype=torch.float64) ** 2)
    sizes = []
    eigh = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda a: sizes.append(len(a)) or eigh(a))
    leading_eigenvectors(g, 8)
    assert max(sizes) == 16
