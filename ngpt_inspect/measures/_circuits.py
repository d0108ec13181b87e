"""The two factors of what a head computes: QK of its logits, OV of its output."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ngpt_inspect.errors import InspectError
from ngpt_inspect.later.torch import torch
from ngpt_inspect.vocabulary import QK_SCALES, Role
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.factored import Factor, Products


PART = 1 << 18
"""Values of a factor that are in float64 at a time, or those of a head for each core."""


@dataclass(frozen=True)
class Heads:
    """The heads of a matrix as they are stored: some at a time become a factor, in float64."""

    values: torch.Tensor
    """Shape (heads, d_k, d_model)."""
    errors: torch.Tensor | None
    """What storage left in each, where their dtype does not tell."""
    gains: torch.Tensor | None = None
    """Of the norm whose output they read, (d_model,)."""
    shared: Heads | None = None
    """Rows below those of every head, as one head: of latent attention the rotated keys."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def d_k(self) -> int:
        """Rows of a head."""
        return int(self.values.shape[1]) + (0 if self.shared is None else self.shared.d_k)

    def factor(self, some: slice) -> Factor:
        """Return these heads as a factor, behind the norm."""
        from ngpt_inspect.numerics.factored import Factor
        from ngpt_inspect.numerics.resolution import rounding_errors

        values = self.values[some].contiguous()
        errors = rounding_errors(values) if self.errors is None else self.errors[some].contiguous()
        found = Factor(values.double(), errors.double())
        if self.gains is not None:
            found = _times(found, self.gains)
        if self.shared is None:
            return found
        below = self.shared.factor(slice(None))
        both = ((found.values, below.values), (found.errors, below.errors))
        return Factor(*(torch.cat((own, rows.expand(len(own), -1, -1)), 1) for own, rows in both))


@dataclass(frozen=True)
class Circuit:
    """A^T B of each head of a layer."""

    left: Heads
    right: Heads
    """One of each group of heads that share keys and values."""
    rows: torch.Tensor | None = None
    """What multiplies the rows of `left`, shape (heads, d_k), in float64."""
    row_errors: torch.Tensor | None = None
    """Its relative errors."""

    def products(self) -> Iterator[Products]:
        """Yield the spectra of some heads at a time: of all, their factors would take gigabytes."""
        from ngpt_inspect.numerics.cores import MOST_SHARES
        from ngpt_inspect.numerics.factored import products

        group = len(self.left) // len(self.right)
        at_once = min(torch.get_num_threads(), MOST_SHARES)
        step = max(at_once, PART // math.prod(self.left.values.shape[1:]))
        # whole groups, or equal parts of one
        step = step - step % group if step >= group else math.gcd(step, group)
        for at in range(0, len(self.left), step):
            mine = slice(at, at + step)
            left = self.left.factor(mine)
            if self.rows is not None:
                left = _times(left, self.rows[mine].unsqueeze(-1))
            right = self.right.factor(slice(at // group, -(-(at + step) // group)))
            yield products(left, right, None if self.row_errors is None else self.row_errors[mine])


def qk_circuit(weight: Weight, device: str) -> Circuit:
    """Return W_q diag(r) and W_k of each head, behind the norm that both read.

    r is s_qk^2 of an nGPT (or s_q s_k, or s_q), the product of the gains of a GPT that norms its
    queries and keys, else 1. It stands on the side of the queries: keys of a group are one factor.
    """
    require_known_norms(weight)
    left = _reading(weight, device)
    n_heads, d_k = len(left), left.d_k
    right = _keys(weight, d_k, device)
    require_groups(weight, n_heads, len(right))
    scale = torch.ones(n_heads, d_k, dtype=torch.float64, device=device)
    squares = torch.zeros_like(scale)
    for role, power in ROW_SCALES:
        learned = weight.beside(role)
        if learned is None:
            continue
        factors, errors = scales_by_head(learned, n_heads, d_k, device)
        scale *= factors**power
        squares += (power * errors / factors.where(factors != 0, 1.0)) ** 2
    return Circuit(left, right, scale, squares.sqrt())


ROW_SCALES = (
    (Role.S_QK, 2),
    *((role, 1) for role in (Role.S_Q, Role.S_K, Role.GAIN_Q, Role.GAIN_K)),
)
"""What multiplies the coordinates of queries and keys, and how often it is in their product."""


def ov_circuit(weight: Weight, device: str) -> Circuit:
    """Return W_o^T and W_v of each head, W_v behind the norm that it reads."""
    left = _heads_of(weight, device)
    right = _partner(weight, Role.W_V, device)
    require_groups(weight, len(left), len(right))
    width = left.values.shape[2]
    if width != right.d_k:
        raise InspectError(f"its heads take {width} values, those of W_v give {right.d_k}")
    errors = None if left.errors is None else left.errors.mT
    return Circuit(Heads(left.values.mT, errors), right)


def _partner(weight: Weight, role: Role, device: str) -> Heads:
    """Return the heads of another matrix of the layer, or say what is wrong with it."""
    from ngpt_inspect.numerics.finite import NonFinite

    found = weight.beside(role)
    if found is None:
        raise InspectError(f"no {role} beside it in layer {weight.layer}")
    try:
        return _reading(found, device)
    except NonFinite as error:
        raise InspectError(f"{found.source}: {error}") from error


def require_groups(weight: Weight, n_heads: int, n_groups: int) -> None:
    """Refuse heads that groups do not divide."""
    if n_heads % n_groups:
        raise InspectError(f"{n_groups} heads of keys and values do not divide its {n_heads}")


NORM_OF_HEADS = re.compile(
    r"(attn_|attention_)?((q|k|qk|query|key)_?((layer_?)?norm|ln)|((layer_?)?norm|ln)_?(q|k|qk|query|key))"
    r"s?(?![a-z])"
)
"""How the name of a norm of queries or keys begins, inside the module of attention."""


def require_known_norms(weight: Weight) -> None:
    """Refuse queries or keys that go through a norm whose gains have no role here."""
    if weight.model is None or any(weight.beside(role) for role in QK_SCALES):
        return
    known = {_module(each.tensor.name) for each in weight.model if each.layer == weight.layer}
    home = _module(_module(weight.tensor.name)) + "."
    for name in weight.model.contents.tensors:
        is_norm = name.startswith(home) and NORM_OF_HEADS.match(name, len(home))
        if is_norm and _module(name) not in known:
            raise InspectError(
                f"{name} looks like a norm of its queries or keys, and is in no role",
                next_step="a spec can give it one (docs/specs.md)",
            )


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def matrix_of(weight: Weight, device: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return a matrix as it is stored, and what that left in it where the dtype does not tell."""
    from ngpt_inspect.numerics.finite import require_finite

    values = weight.values(device)
    require_finite(values)
    return values, weight.errors(device)


def _heads_of(weight: Weight, device: str) -> Heads:
    values, errors = matrix_of(weight, device)
    heads = weight.heads(values)
    if heads is None:
        raise InspectError(f"nothing says how many heads {weight.source} has")
    return Heads(heads, None if errors is None else weight.heads(errors))


def _reading(weight: Weight, device: str) -> Heads:
    """Return the heads of a matrix that reads the hidden state, behind its norm gain if any."""
    return _behind_norm(_heads_of(weight, device), weight, device)


def _behind_norm(found: Heads, weight: Weight, device: str) -> Heads:
    gain = weight.beside(Role.GAIN_A)
    if gain is None:
        return found
    return replace(found, gains=input_gain(gain, found.values.shape[-1], device))


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


def _keys(weight: Weight, d_k: int, device: str) -> Heads:
    """Return the keys; of latent attention with the rotated ones that all heads share."""
    keys = _partner(weight, Role.W_K, device)
    missing = d_k - keys.d_k
    if not missing:
        return keys
    latent = weight.beside(Role.W_KV_A)
    if missing < 0 or latent is None:
        raise InspectError(f"its heads have {d_k} rows, those of W_k {keys.d_k}")
    # The last rows of the latent are keys already, behind the norm before attention alone.
    values, errors = matrix_of(latent, device)
    rows = Heads(values[None, -missing:], None if errors is None else errors[None, -missing:])
    return replace(keys, shared=_behind_norm(rows, latent, device))


def _times(found: Factor, factors: torch.Tensor) -> Factor:
    from ngpt_inspect.numerics.factored import Factor

    return Factor(found.values * factors, found.errors * factors.abs())
