"""Angles and pictures of a trace: what is computed of its vectors, some tokens at a time."""

from __future__ import annotations

import numpy as np

from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.sphere import angles, picture
from ngpt_inspect.traces._reading import Trace

PIECE = 1 << 22
"""Values of states in float64 that are worked on at once."""


def geometry(trace: Trace) -> dict[str, np.ndarray]:
    """Return every number that depends on the vectors of a trace; angles in degrees.

    Returns
    -------
    dict
        By column, (S + 1, T) float64: `norm`, `largest_over_median`, `largest_channel`,
        `kurtosis`, `angle_moved`, `angle_to_suggestion`, `share_of_way`, `angle_to_final`,
        `angle_to_next`, `alignment`, and for both centres ``x``, ``y``. By column, (T,): the two
        stresses, and with ``_of_next`` what is said of the output embedding of the next token. NaN
        where undefined.
    """
    n_states, n_tokens, d_model = trace.states.shape
    at_once = max(1, PIECE // (n_states * d_model))
    pieces = [
        _of_tokens(trace, slice(first, min(first + at_once, n_tokens)))
        for first in range(0, n_tokens, at_once)
    ]
    return {
        name: np.concatenate([piece[name].numpy() for piece in pieces], -1) for name in pieces[0]
    }


def _of_tokens(trace: Trace, which: slice) -> dict[str, torch.Tensor]:
    states = trace.states[:, which].double()  # S+1 t D
    suggestions = trace.suggestions[:, which].double()
    following = _following(trace, which)  # t D, zero where the next token is not known
    before, final = states[:-1], states[-1]

    def degrees(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.rad2deg(angles(x, y))

    moved, suggested = degrees(before, states[1:]), degrees(before, suggestions)
    first = torch.full_like(moved[:1], torch.nan)
    to_next = degrees(states, following)
    out = {
        "norm": torch.linalg.vector_norm(states, dim=-1),
        **_of_coordinates(states),
        "angle_moved": torch.cat((first, moved)),
        "angle_to_suggestion": torch.cat((first, suggested)),
        "share_of_way": torch.cat((first, moved / suggested.masked_fill(suggested == 0, np.nan))),
        "angle_to_final": degrees(states, final),
        "angle_to_next": to_next,
        # Wang and Isola, arXiv 2005.10242, equation 1, with alpha 2: |u - v| = 2 sin(angle / 2)
        "alignment": (2 * torch.sin(torch.deg2rad(to_next) / 2)).square(),
        "angle_to_final_of_next": degrees(following, final),
    }
    points = torch.cat((states, following[None])).transpose(0, 1)  # t S+2 D
    for name, centre in (("final", final), ("next", following)):
        drawn = picture(points, centre)
        for axis, values in zip("xy", torch.rad2deg(drawn.points).unbind(-1), strict=True):
            out[f"{axis}_{name}"] = values[:, :-1].T
            out[f"{axis}_{name}_of_next"] = values[:, -1]
        out[f"stress_{name}"] = out[f"stress_{name}_of_next"] = drawn.stress
    return out


def _of_coordinates(states: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what single coordinates stand out by; NaN where a state is zero or constant.

    The middle value is the mean of the two middle ones where there are two. Massive activations
    as in arXiv 2402.17762, section 2.
    """
    sizes = states.abs()
    largest, middle = sizes.max(-1), sizes.quantile(0.5, -1)
    centred = states - states.mean(-1, keepdim=True)
    variance = centred.square().mean(-1)
    return {
        "largest_over_median": largest.values / middle.masked_fill(middle == 0, np.nan),
        "largest_channel": largest.indices.double(),
        "kurtosis": centred.pow(4).mean(-1) / variance.square(),
    }


def _following(trace: Trace, which: slice) -> torch.Tensor:
    """Return the output embedding of each token's next one; zero, so without angles, if unknown."""
    known = trace.next_embeddings[which].double()
    missing = (which.stop - which.start) - len(known)
    return torch.nn.functional.pad(known, (0, 0, 0, missing))
