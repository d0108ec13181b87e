"""The two factors of what a head computes: QK of its logits, OV of its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngpt_inspect.errors import InspectError
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    import torch

    from ngpt_inspect.numerics.factored import Factor


@dataclass(frozen=True)
class Circuit:
    """A^T B of each head of a layer."""

    left: Factor
    right: Factor
    """Of each group of heads that share keys and values."""
    row_errors: torch.Tensor | None
    """Relative error of a scale that multiplies whole rows of `left`, shape (heads, d_k)."""


def qk_circuit(weight: Weight, device: str) -> Circuit:
    """Return W_q diag(r) and W_k of each head, behind the norm that both read.

    r is s_qk^2 of an nGPT (or s_q s_k, or s_q), the product of the gains of a GPT that norms its
    queries and keys, else 1. It stands on the side of the queries: keys of a group are one factor.
    """
    import torch

    left = factor(weight, device)
    right = _keys(weight, left.values.shape[1], device)
    n_heads, d_k = left.values.shape[:2]
    require_groups(weight, n_heads, len(right.values))
    scale = torch.ones(n_heads, d_k, dtype=torch.float64, device=device)
    squares = torch.zeros_like(scale)
    for role, power in ROW_SCALES:
        learned = weight.beside(role)
        if learned is None:
            continue
        factors, errors = scales_by_head(learned, n_heads, d_k, device)
        scale *= factors**power
        squares += (power * errors / factors.where(factors != 0, 1.0)) ** 2
    rows = scale.unsqueeze(-1)
    return Circuit(_times(left, rows), right, squares.sqrt())


ROW_SCALES = (
    (Role.S_QK, 2),
    *((role, 1) for role in (Role.S_Q, Role.S_K, Role.GAIN_Q, Role.GAIN_K)),
)
"""What multiplies the coordinates of queries and keys, and how often it is in their product."""


def ov_circuit(weight: Weight, device: str) -> Circuit:
    """Return W_o^T and W_v of each head, W_v behind the norm that it reads."""
    values, errors = heads_of(weight, device)
    right = partner(weight, Role.W_V, device)
    require_groups(weight, len(values), len(right.values))
    from ngpt_inspect.numerics.factored import Factor

    left = Factor(values.mT.contiguous(), errors.mT.contiguous())
    if left.values.shape[1] != right.values.shape[1]:
        raise InspectError(
            f"its heads take {left.values.shape[1]} values, those of W_v give "
            f"{right.values.shape[1]}"
        )
    return Circuit(left, right, None)


def partner(weight: Weight, role: Role, device: str) -> Factor:
    """Return the heads of another matrix of the layer, or say what is wrong with it."""
    from ngpt_inspect.numerics.finite import NonFinite

    found = weight.beside(role)
    if found is None:
        raise InspectError(f"no {role} beside it in layer {weight.layer}")
    try:
        return factor(found, device)
    except NonFinite as error:
        raise InspectError(f"{found.source}: {error}") from error


def require_groups(weight: Weight, n_heads: int, n_groups: int) -> None:
    """Refuse heads that groups do not divide."""
    if n_heads % n_groups:
        raise InspectError(f"{n_groups} heads of keys and values do not divide its {n_heads}")


def matrix_of(weight: Weight, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a matrix in float64 and what storage left in each of its entries."""
    from ngpt_inspect.numerics.finite import require_finite
    from ngpt_inspect.numerics.resolution import rounding_errors

    values, errors = weight.values(device), weight.errors(device)
    require_finite(values)
    return values.double(), (rounding_errors(values) if errors is None else errors).double()


def heads_of(weight: Weight, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the heads of a matrix, (heads, out, in), and what storage left in each entry."""
    values, errors = (weight.heads(each) for each in matrix_of(weight, device))
    if values is None or errors is None:
        raise InspectError(f"nothing says how many heads {weight.source} has")
    return values, errors


def factor(weight: Weight, device: str) -> Factor:
    """Return the heads of a matrix that reads the hidden state, behind its norm gain if any."""
    from ngpt_inspect.numerics.factored import Factor

    return _behind_norm(Factor(*heads_of(weight, device)), weight, device)


def _behind_norm(found: Factor, weight: Weight, device: str) -> Factor:
    gain = weight.beside(Role.GAIN_A)
    return (
        found if gain is None else _times(found, input_gain(gain, found.values.shape[-1], device))
    )


def input_gain(gain: Weight, width: int, device: str) -> torch.Tensor:
    """Return the gain of the norm before attention, one number for each input."""
    values = gain.values(device).double().flatten()
    if len(values) != width:
        raise InspectError(f"{gain.source} has {len(values)} gains for its {width} inputs")
    return values


def scales_by_head(
    learned: Weight, n_heads: int, d_k: int, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return factors of coordinates and their errors, (heads, d_k), of one, d_k, or so many each.

    Of fewer heads than `n_heads` each stands for a group.
    """
    from ngpt_inspect.numerics.resolution import rounding_errors

    values, errors = learned.values(device), learned.errors(device)
    errors = rounding_errors(values) if errors is None else errors
    found = []
    for each in (values.double().flatten(), errors.double().flatten()):
        rows, rest = divmod(len(each), d_k)
        if len(each) == 1:
            found.append(each.expand(n_heads, d_k))
        elif rest or n_heads % rows:
            raise InspectError(
                f"{learned.source} has {len(each)} factors for {n_heads} heads of {d_k}"
            )
        else:
            found.append(each.reshape(rows, d_k).repeat_interleave(n_heads // rows, 0))
    return found[0], found[1]


def _keys(weight: Weight, d_k: int, device: str) -> Factor:
    """Return the keys; of latent attention with the rotated ones that all heads share."""
    import torch

    from ngpt_inspect.numerics.factored import Factor

    keys = partner(weight, Role.W_K, device)
    missing = d_k - keys.values.shape[1]
    if not missing:
        return keys
    latent = weight.beside(Role.W_KV_A)
    if missing < 0 or latent is None:
        raise InspectError(f"its heads have {d_k} rows, those of W_k {keys.values.shape[1]}")
    # The last rows of the latent are keys already, behind the norm before attention alone.
    rows = _behind_norm(Factor(*matrix_of(latent, device)), weight, device)
    both = (
        torch.cat((mine, of_all[-missing:].expand(len(mine), -1, -1)), 1)
        for mine, of_all in ((keys.values, rows.values), (keys.errors, rows.errors))
    )
    return Factor(*both)


def _times(found: Factor, factors: torch.Tensor) -> Factor:
    from ngpt_inspect.numerics.factored import Factor

    return Factor(found.values * factors, found.errors * factors.abs())
