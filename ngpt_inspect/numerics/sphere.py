"""Angles between directions, and a flat picture of points on a sphere.

Shapes: any leading axes ...; N points on each sphere, D columns. Lengths do not matter: a vector
stands for its direction. Angles are in radians, in float64 of the values given.
"""

from __future__ import annotations

from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.cores import one_core_each

FLATTEST = 1e-12
"""Shares of a circle below this are rounding: a direction cannot be told from them."""


@dataclass(frozen=True)
class Picture:
    """Points of a sphere laid out in the plane around a centre."""

    points: torch.Tensor
    """(..., N, 2), float64: radians from the centre at the origin; NaN where undefined."""
    stress: torch.Tensor
    """(...), float64: sqrt(sum (d - t)^2 / sum t^2) over all pairs of points, d their distance
    in the plane and t their angle on the sphere (Kruskal's stress). 0: every angle is kept."""


def directions(x: torch.Tensor) -> torch.Tensor:
    """Return x / ||x||_2 along the last axis in float64; NaN where x is zero.

    Scaled by the largest entry first, so that no square overflows or vanishes.
    """
    x = x.to(torch.float64)
    x = x / x.abs().amax(-1, keepdim=True)
    unit: torch.Tensor = x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return unit


def angles(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Angle between x and y along the last axis, 0 to pi: 2 atan2(||u - v||, ||u + v||).

    u and v are their directions. Accurate to rounding at every angle, while arccos(u . v) loses
    half the digits near 0 and pi.

    Parameters
    ----------
    x, y : tensors of shape (..., D)
        Broadcast against each other; any floating dtype.

    Returns
    -------
    tensor of shape (...), float64
        Radians; NaN where either is zero.

    References
    ----------
    W. Kahan, "How futile are mindless assessments of roundoff in floating-point computation?"
    """
    return _between(directions(x), directions(y))


def _between(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return the angle between unit vectors (...)."""
    apart, together = (torch.linalg.vector_norm(z, dim=-1) for z in (u - v, u + v))
    return 2 * torch.atan2(apart, together)


def picture(points: torch.Tensor, centre: torch.Tensor) -> Picture:
    """Lay out points of a sphere in the plane around a centre: azimuthal equidistant.

    1. The logarithm at the centre c maps a point p at angle t to t w, with w the unit tangent at c
       towards p: w ~ p - c (c . p). Its length is the angle.
    2. The two leading principal directions of these tangents (about the origin, which is c) give
       each point a direction in the plane.
    3. Its distance from the origin is again t: the angle to the centre is exact for every point.
    4. The plane is turned until the first point lies on the negative x axis, and mirrored until
       the second moment of the others leans to positive y: no choice is left to chance.

    Angles between two points that are not the centre are kept as far as the tangents lie in a
    plane and the sphere is flat on that scale; `stress` says how far. A point opposite to the
    centre has no direction, and one across the plane of the picture none within it: the former is
    NaN, the latter is put where rounding says. The centre itself is at the origin.

    Parameters
    ----------
    points : tensor of shape (..., N, D)
    centre : tensor of shape (..., D)

    Returns
    -------
    Picture
        All NaN where the centre is zero; NaN for a point that is zero, which no pair counts.
    """
    p, c = directions(points), directions(centre).unsqueeze(-2)
    from_centre = _between(p, c)  # ... N
    tangents = _tangents(p, c, from_centre)
    azimuths = directions(_leading_two(tangents))  # ... N 2
    azimuths = torch.where((from_centre == 0).unsqueeze(-1), torch.zeros_like(azimuths), azimuths)
    laid = _turned(azimuths * from_centre.unsqueeze(-1))
    return Picture(points=laid, stress=_stress(laid, p))


def _tangents(p: torch.Tensor, c: torch.Tensor, from_centre: torch.Tensor) -> torch.Tensor:
    """Return log_c(p), of length `from_centre` (..., N, D); NaN opposite to c."""
    apart = p - c  # of a near point this has more digits than p itself
    across = apart - (apart * c).sum(-1, keepdim=True) * c
    length = torch.linalg.vector_norm(across, dim=-1, keepdim=True)
    opposite = (from_centre.unsqueeze(-1) > torch.pi / 2) & (length < FLATTEST)
    unit = across / length.masked_fill(opposite, torch.nan)
    here = from_centre.unsqueeze(-1) == 0
    return torch.where(here, torch.zeros_like(unit), unit * from_centre.unsqueeze(-1))


def _leading_two(tangents: torch.Tensor) -> torch.Tensor:
    """Return the coordinates (..., N, 2) along the two leading principal directions.

    From the N x N Gram matrix: N is small and D large. Undefined points take no part.
    """
    known = tangents.nan_to_num(0.0)
    gram = known @ known.mT
    values, vectors = one_core_each(torch.linalg.eigh, gram)
    axes: torch.Tensor = vectors * values.clamp_min(0).sqrt().unsqueeze(-2)
    axes = axes[..., -2:].flip(-1)  # eigh has the leading ones last
    if axes.shape[-1] < 2:  # a single point
        axes = torch.nn.functional.pad(axes, (0, 2 - axes.shape[-1]))
    undefined = tangents.isnan().any(-1, keepdim=True)
    return axes.masked_fill(undefined, torch.nan)


def _turned(laid: torch.Tensor) -> torch.Tensor:
    """Turn the first point to the negative x axis, then mirror so that sum |y| y >= 0."""
    first = directions(laid[..., :1, :])
    straight = torch.tensor([-1.0, 0.0], dtype=laid.dtype, device=laid.device)
    first = torch.where(first.isnan(), straight, first)
    cosine, sine = -first[..., 0], -first[..., 1]
    x = laid[..., 0] * cosine + laid[..., 1] * sine
    y = laid[..., 1] * cosine - laid[..., 0] * sine
    leaning = (y.abs() * y).nansum(-1, keepdim=True)
    turned: torch.Tensor = torch.stack((x, torch.where(leaning < 0, -y, y)), -1)
    turned += 0.0  # -0.0 becomes 0.0
    return turned


def _stress(laid: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Return the relative error of all pairwise distances; one row of pairs at a time."""
    error = torch.zeros(laid.shape[:-2], dtype=laid.dtype, device=laid.device)
    total = torch.zeros_like(error)
    for at in range(laid.shape[-2] - 1):
        wanted = _between(p[..., at + 1 :, :], p[..., at : at + 1, :])
        drawn = torch.linalg.vector_norm(laid[..., at + 1 :, :] - laid[..., at : at + 1, :], dim=-1)
        known = ~(drawn.isnan() | wanted.isnan())
        error += torch.where(known, (drawn - wanted).square(), 0.0).sum(-1)
        total += torch.where(known, wanted.square(), 0.0).sum(-1)
    stress: torch.Tensor = (error / total).sqrt()
    return stress
