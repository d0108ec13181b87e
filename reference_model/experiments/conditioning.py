"""Condition numbers of a reference model's attention, straight from their definition in float64.

An independent computation: nothing of the inspection toolkit is used, and a test holds the two
against each other.

Shapes: K = d_k coordinates of a head, D = d_model.
"""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor

from reference_model.model import GPT, NGPT, GPTLayer, NGPTLayer

MATRICES = ("W_q", "W_k", "W_v", "W_o")


def condition_numbers(model: GPT | NGPT) -> Iterator[tuple[int, str, Tensor]]:
    """Yield layer, weight, and sigma_max / sigma_min of each head over its K directions [H].

    QK is taken at rotary distance 0, with what scales queries and keys folded in: s_qk of nGPT
    (Eqs. 15, 16), the norm gains of GPT.
    """
    for number, module in enumerate(model.layers):
        layer = cast("GPTLayer | NGPTLayer", module)
        heads = {name: _heads(layer, name, model.config.n_heads) for name in MATRICES}
        for name, matrix in heads.items():
            yield number, name, _kappa(torch.linalg.svdvals(matrix))
        q, k = (heads[name] * _gains(layer) for name in ("W_q", "W_k"))
        yield number, "QK", _kappa(_product(q, k, _scales(layer)))
        yield number, "OV", _kappa(_product(heads["W_o"], heads["W_v"], None))


def _heads(layer: GPTLayer | NGPTLayer, name: str, n_heads: int) -> Tensor:
    """Return one matrix as float64 blocks of its heads [H, K, D]."""
    weight = getattr(layer.attention, name).weight.detach().double()
    if name == "W_o":  # its columns belong to heads
        weight = weight.T
    return cast(Tensor, weight.reshape(n_heads, -1, weight.shape[1]))


def _gains(layer: GPTLayer | NGPTLayer) -> Tensor:
    """Return what every coordinate of the hidden state is multiplied by before attention."""
    if isinstance(layer, GPTLayer):
        return layer.norm_A.gain.detach().double()
    return torch.ones((), dtype=torch.float64)


def _scales(layer: GPTLayer | NGPTLayer) -> Tensor | None:
    """Return what every coordinate of a head's logits is multiplied by: s_qk^2 [H, K]."""
    if isinstance(layer, GPTLayer):
        return None
    attention = layer.attention
    return attention.scaling.effective(attention.s_qk).detach().double() ** 2


def _product(a: Tensor, b: Tensor, scales: Tensor | None) -> Tensor:
    """Return the K singular values of a^T diag(scales) b for blocks [H, K, D], never [D, D]."""
    r_a, r_b = (torch.linalg.qr(each.mT, mode="r").R for each in (a, b))  # a^T = Q_a R_a
    core = r_a if scales is None else r_a * scales[:, None, :]
    return cast(Tensor, torch.linalg.svdvals(core @ r_b.mT))


def _kappa(sigma: Tensor) -> Tensor:
    return sigma[:, 0] / sigma[:, -1]
