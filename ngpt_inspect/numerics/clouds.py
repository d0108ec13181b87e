"""The shape of a cloud of rows: covariance spectrum, isotropy, IsoScore.

Shapes: V rows, D columns.
"""

from __future__ import annotations

import math

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each
from ngpt_inspect.numerics.directions import known_directions, row_norms
from ngpt_inspect.numerics.finite import BLOCK_ELEMENTS, require_finite, row_blocks
from ngpt_inspect.numerics.gram import ROW_BLOCK_ELEMENTS, GramSum, gram_matrix
from ngpt_inspect.numerics.precision import full_products
from ngpt_inspect.numerics.spectra import unit_scale


def row_mean(x_VD: torch.Tensor) -> torch.Tensor:
    """Mean row, in float64.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.

    Returns
    -------
    tensor of shape (D,), float64, in the unit of `x_VD`
        Its norm says how far the cloud is from the origin.
    """
    total_D = torch.zeros(x_VD.shape[1], dtype=torch.float64, device=x_VD.device)
    for rows in row_blocks(x_VD):
        total_D += rows.double().sum(0)
    return total_D / len(x_VD)


def covariance_matrix(x_VD: torch.Tensor, *, scale: float = 1.0) -> torch.Tensor:
    """(scale^2 / V) sum_i (x_i - m)(x_i - m)^T, with m the mean row.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.
    scale : float
        A power of two: keeps the squares of very large or very small values in range.

    Returns
    -------
    tensor of shape (D, D), float64, in the squared unit of `x_VD`

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.
    """
    require_finite(x_VD)
    return gram_matrix(x_VD, scale, row_mean(x_VD)) / len(x_VD)


def eigenvalues_of(covariance_DD: torch.Tensor) -> torch.Tensor:
    """Eigenvalues of a covariance matrix, largest first.

    Parameters
    ----------
    covariance_DD : tensor of shape (D, D), float64

    Returns
    -------
    tensor of shape (D,), float64, not negative, in the squared unit of the rows
        Absolute error about 2^-52 times the largest.
    """
    values_D: torch.Tensor = one_core_each(torch.linalg.eigvalsh, covariance_DD)
    return values_D.clamp_min(0.0).flip(0)


def axes_of(covariance_DD: torch.Tensor) -> torch.Tensor:
    """Eigenvectors of a covariance matrix, or of a multiple of it, as columns."""
    axes_DD: torch.Tensor = one_core_each(torch.linalg.eigh, covariance_DD)[1]
    return axes_DD


def about_origin(covariance_DD: torch.Tensor, mean_D: torch.Tensor) -> torch.Tensor:
    """(1 / V) X^T X from the centred covariance and the mean row: nothing cancels in the sum.

    Both in one unit: of rows that were multiplied by a scale, the mean of those.
    """
    return covariance_DD + torch.outer(mean_D, mean_D)


@full_products()
def isotropy(x_VD: torch.Tensor, *, unit: bool = False, axes: torch.Tensor | None = None) -> float:
    """min_c Z(c) / max_c Z(c) with Z(c) = sum_i exp(c . x_i) over the eigenvectors c of X^T X.

    Both signs of each eigenvector count, since its sign is arbitrary: the published definition
    leaves the sign to the eigensolver. As published it falls with the length of the rows (exp);
    of unit rows it does not, so that clouds of different lengths compare.

    Parameters
    ----------
    x_VD : tensor of shape (V, D)
        Any floating dtype.
    unit : bool
        Of x_i / |x_i| instead; rows of norm zero are left out.
    axes : tensor of shape (D, D), float64, optional
        `axes_of` X^T X, or of `gram_of_directions`, where they are known.

    Returns
    -------
    float
        Between 0 and 1; 1 when no direction is preferred; nan when no row has a direction.

    Raises
    ------
    NonFinite
        If a value is NaN or infinite.

    References
    ----------
    Mu and Viswanath, arXiv 1702.01417, section 2.2 and equation 5.
    """
    require_finite(x_VD)
    if axes is None:
        axes = axes_of(gram_of_directions(x_VD) if unit else gram_matrix(x_VD, unit_scale(x_VD)))
    # Single precision finds the axes that may be extreme; their Z is measured in float64.
    rough = _log_partitions(x_VD, axes.float(), unit=unit)
    slack = _error_of_two(x_VD, 1.0 if unit else float(row_norms(x_VD).max()))
    # Not above and not below: what left the range of float32, a NaN here, may be extreme.
    between = (rough > rough.min() + slack) & (rough < rough.max() - slack)
    exact = _log_partitions(x_VD, axes[:, ~between.all(0)], unit=unit)
    return math.exp(float(exact.min() - exact.max()))


def _log_partitions(x_VD: torch.Tensor, axes_DC: torch.Tensor, *, unit: bool) -> torch.Tensor:
    """Logarithms of Z(c) and Z(-c) of columns c, (2, C), with products in their precision."""
    shape = 2, axes_DC.shape[1]
    total_2C = torch.full(shape, -math.inf, dtype=torch.float64, device=x_VD.device)
    for rows in row_blocks(x_VD, ROW_BLOCK_ELEMENTS):
        along = (known_directions(rows) if unit else rows).to(axes_DC.dtype) @ axes_DC
        for part in row_blocks(along):
            both = torch.stack((torch.logsumexp(part, 0), torch.logsumexp(-part, 0)))
            total_2C = torch.logaddexp(total_2C, both.double())
    return total_2C


def _error_of_two(x_VD: torch.Tensor, longest: float) -> float:
    """Bound what float32 makes of the distance of two ln Z, with u = 2^-24 the error of one step.

    Each is off by at most the worst c . x_i, (D + 2) u |x_i| for rounded c and x_i, by u R for the
    sum of R terms in float32, and by a few u (|x_i| + ln R) for differences, exp and ln.
    """
    width = x_VD.shape[1]
    terms = min(len(x_VD), BLOCK_ELEMENTS // width + 1)
    return 2.0**-23 * ((width + 8) * longest + terms + 64)


def gram_of_directions(x_VD: torch.Tensor) -> torch.Tensor:
    """X^T X of the unit rows x_i / |x_i|, (D, D) in float64; rows of norm zero are left out."""
    total = GramSum(x_VD.shape[1], x_VD.device)
    for rows in row_blocks(x_VD, ROW_BLOCK_ELEMENTS):
        total.add(known_directions(rows))
    return total.whole()


def iso_score(eigenvalues_D: torch.Tensor) -> float:
    """IsoScore: how evenly the variance of a cloud fills its D directions.

    With l the centred covariance eigenvalues scaled to |l| = sqrt(D), the isotropy defect is
    delta = |l - 1| / sqrt(2 (D - sqrt(D))), phi = (D - delta^2 (D - sqrt(D)))^2 / D^2, and the
    score is (D phi - 1) / (D - 1).

    Parameters
    ----------
    eigenvalues_D : tensor of shape (D,)
        Of `covariance_matrix`.

    Returns
    -------
    float
        1 when all directions vary equally, 0 when one does; nan when nothing varies or D is 1.
        It does not see the mean: read it beside `anisotropy`.

    References
    ----------
    Rudman, Gillman, Rayne and Eickhoff, arXiv 2108.07344, algorithm 1.
    """
    wide, d = eigenvalues_D.double(), len(eigenvalues_D)
    length = float(torch.linalg.vector_norm(wide))
    if d == 1 or length == 0.0:
        return math.nan
    scaled = wide / length * math.sqrt(d)
    return _iso_score(float(torch.linalg.vector_norm(scaled - 1)), d)


def iso_score_of(trace: float, frobenius: float, d: int) -> float:
    """`iso_score` from trace and Frobenius norm of a d x d covariance: no eigenvalue is needed.

    |l - 1|^2 = 2 d - 2 sqrt(d) trace / frobenius, which cancels where directions vary alike.
    """
    if d == 1 or frobenius == 0.0:
        return math.nan
    return _iso_score(math.sqrt(max(0.0, 2 * d - 2 * math.sqrt(d) * trace / frobenius)), d)


def _iso_score(distance: float, d: int) -> float:
    """Return the score of eigenvalues at this distance |l - 1| from even ones."""
    slack = d - math.sqrt(d)
    defect = distance / math.sqrt(2 * slack)
    phi = (d - defect**2 * slack) ** 2 / d**2
    return (d * phi - 1) / (d - 1)
