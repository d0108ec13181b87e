"""The contract of this room: an architecture declares which tensor plays which role.

Declarations are data. Shapes, rows, factors and constants are small arithmetic expressions
over the model's dimensions (`d_model`, `d_k`, `d_mlp`, `n_heads`, `n_kv_heads`,
`vocab_size`, ...) and the architecture's own constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ngpt_inspect.vocabulary import Role

BIAS = "a bias; no measure reads biases"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One tensor, or one part of a fused tensor, and the role it plays."""

    name: str
    """Template of the tensor's name: ``{layer}`` and ``{expert}`` are numbers, ``[x]`` may be
    missing: ``[transformer.]h.{layer}.attn.c_attn.weight``."""
    role: Role
    shape: str
    """As stored: ``3*d_model, d_model``. Alternatives are separated by ``|``."""
    rows: tuple[str, str] | None = None
    """First and last row of this role in (out, in) layout, when the tensor is fused."""
    groups: str = "1"
    """The rows repeat in this many groups (one a head where heads are interleaved)."""
    transposed: bool = False
    """Stored (in, out), as the Conv1D of GPT-2."""
    view: str | None = None
    """Shape of the role's values when it is not the stored one: ``n_heads, d_k``."""
    optional: bool = False
    factor: str = "1"
    """Effective value = stored x factor: ``alpha_init / base_scale``."""
    absolute: bool = False


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A number the model multiplies by that its weights do not hold."""

    name: str
    keys: tuple[str, ...] = ()
    """Dotted config paths where a checkpoint may record it."""
    assumed: str
    """Value when no key is there, as an expression over the dimensions and the constants
    declared before."""
    because: str
    """Why that assumption."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A family of checkpoints that name their tensors alike."""

    name: str
    family: str
    """``GPT`` or ``nGPT``."""
    title: str
    rules: tuple[Rule, ...]
    source: str
    """Where the layout is defined."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Name template -> why no measure reads this parameter."""
    buffers: Mapping[str, str] = field(default_factory=dict)
    """Name template -> what it is, of tensors that are no parameters."""
    excludes: Mapping[str, str] = field(default_factory=dict)
    """Name template -> the layout it belongs to: its presence says this is not that one."""
    constants: tuple[Constant, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the numbers should know of this layout."""
