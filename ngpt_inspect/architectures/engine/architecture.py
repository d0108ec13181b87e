"""The contract of this room: an architecture declares which tensor plays which role.

Declarations are data. Shapes, rows, factors and constants are small arithmetic expressions
over the model's dimensions (`d_model`, `d_k`, `d_mlp`, `n_heads`, `n_kv_heads`,
`vocab_size`, ...) and the architecture's own constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ngpt_inspect.vocabulary import MatrixAxis, Role

BIAS = "a bias; of measures logit_bounds alone reads biases"
QK_GAIN = "a gain of normed queries or keys; no measure reads it"
POST_GAIN = "a norm gain after its block; no measure reads it"
ROUTER = "the router of a mixture; no measure reads it"
ROTARY = "rotary frequencies"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One tensor, or one part of a fused tensor, and the role it plays."""

    name: str
    """Template of the tensor's name: ``{layer}`` and ``{expert}`` are numbers, ``[x]`` may be
    missing: ``[transformer.]h.{layer}.attn.c_attn.weight``. Other names that the tensor can
    have are separated by ``|``."""
    role: Role
    shape: str
    """As stored: ``3*d_model, d_model``. Alternatives are separated by ``|``."""
    rows: tuple[str, ...] | None = None
    """Start, stop and, where not each row is taken, step of this role's rows in (out, in) layout,
    when the tensor is fused. Of a tensor with more axes the rows are counted through."""
    groups: str = "1"
    """The rows repeat in this many groups (one a head where heads are interleaved)."""
    stacked: str = ""
    """``expert`` or ``layer``: what the first axis counts. The rest is that of one of them."""
    transposed: bool = False
    """Stored (in, out), as the Conv1D of GPT-2."""
    seen: str = ""
    """The shape to see it in before all else, of its own axes a, b, c and sizes that the config
    states: ``n_experts, a//n_experts, b``. Read where `Architecture.parts` says so."""
    view: str | None = None
    """Shape of the role's values when it is not the stored one: ``n_heads, d_k``."""
    optional: bool = False
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A setting -> the values one of which the config must state; else the rule is none. For what
    names and shapes do not tell. Read where `Architecture.parts` says so."""
    block: str = ""
    """``mlp/experts``: one of the ways (after the slash) a layer can have a block (before it).
    Each layer has one of them, and has it whole. Several are separated by ``|``."""
    factor: str = "1"
    """Effective value = stored x factor: ``alpha_init / base_scale``. May use `layer`."""
    offset: str = "0"
    """Added after the factor: ``1`` where a norm gain is used as 1 + w. May use constants."""
    absolute: bool = False
    normalised: MatrixAxis | None = None
    """The vectors that the model divides by their norm whenever it uses the tensor."""


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A number the model multiplies by, or adds, that its weights do not hold."""

    name: str
    keys: tuple[str, ...] = ()
    """Where a checkpoint may record it, the most telling first: the name of a setting, or a
    whole dotted path."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What a key that is a word says -> the value then: ``gemma`` -> ``1``. ``*`` is any run of
    characters, the longest that fits is meant, ``true`` and ``false`` are flags. Without: the key
    is the number."""
    assumed: str
    """Value when no key is there, as an expression over the dimensions and the constants
    declared before."""
    because: str
    """Why that assumption."""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A setting -> the values one of which must be stated for this constant to count. Of several of
    one name the first that counts is meant."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """A matrix of heads that a model keeps as two factors: left x diag(gain) x right."""

    role: Role
    left: Role
    right: Role
    gain: Role
    left_rows: tuple[str, str]
    """Start and stop within each head."""
    right_rows: tuple[str, str]


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
    marks: tuple[str, ...] = ()
    """Name templates one of which must occur, where a plainer layout has all the rest too."""
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A setting -> the values one of which the config must state: for layouts that names and
    shapes cannot tell from others. Where it states nothing, naming the layout decides."""
    forbids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A setting -> values that say this is another layout (``*``: any). Where there are no settings
    at all, the reader is told that it could be."""
    hybrid: bool = False
    """Layers may lack whole blocks (`Rule.block`)."""
    parts: bool = False
    """The rules are a vocabulary of the parts that decoders are made of. Names count from the
    list of layers on, written ``layers.{layer}``, whatever stands before it and whatever it is
    called; each layer has of every block the variant that places most of its tensors in shapes
    that agree, so sizes may differ by layer; what no variant takes is left over."""
    products: tuple[Product, ...] = ()
    constants: tuple[Constant, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the numbers should know of this layout."""


Variant = tuple[Rule, ...]


def variants_of(rules: Iterable[Rule]) -> dict[str, list[Variant]]:
    """Return the variants of each block; a rule without one is a block of its own."""
    found: dict[str, dict[str, list[Rule]]] = {}
    for rule in rules:
        for membership in rule.block.split("|") if rule.block else [f"{rule.name} {rule.role}"]:
            block, _, variant = membership.partition("/")
            found.setdefault(block, {}).setdefault(variant, []).append(rule)
    return {block: [tuple(each) for each in mine.values()] for block, mine in found.items()}


def layer_biases(prefix: str, *names: str) -> dict[str, str]:
    """Return what `Architecture.ignored` says of biases: ``h.{layer}.`` + name + ``.bias``."""
    return {f"{prefix}{name}.bias": BIAS for name in names}


def whole(name: str, role: Role, *, width: str = "d_mlp", **more: Any) -> Rule:
    """Return the rule of a tensor that is one role, in the shape that the role has in the paper.

    `width` is that of this MLP. Where it is `transposed` or `stacked` its axes follow; `shape`
    says another.
    """
    shape = role.facts.shape.replace("d_mlp", width)
    return Rule(name=name, role=role, **{"shape": as_stored(shape.split(", "), more), **more})


def as_stored(axes: list[str], more: Mapping[str, Any]) -> str:
    """Return the stored shape of what is (out, in), by what a rule says of it besides."""
    counted = [f"n_{more['stacked']}s"] if more.get("stacked") else []
    return ", ".join([*counted, *(axes[::-1] if more.get("transposed") else axes)])


def by_head(name: str, role: Role, **more: Any) -> Rule:
    """Return the rule of a vector with d_k values for each head, one head after another."""
    view = role.facts.shape
    return Rule(name=name, role=role, shape=view.replace(", ", "*"), view=view, **more)


def unrecorded(because: str, **values: str) -> tuple[Constant, ...]:
    """Return constants that no file records, all assumed for one reason."""
    return tuple(
        Constant(name=name, assumed=value, because=because) for name, value in values.items()
    )


def router(*names: str) -> Rule:
    """Return the rule of a router; layers without experts have none."""
    return whole("|".join(names), Role.W_ROUTER, optional=True)


def qk_norms(queries: str, keys: str, *, offset: str = "0") -> tuple[Rule, ...]:
    """Return the rules of the gains of normed queries and keys, where a model has them."""
    return tuple(
        Rule(name=name, role=role, shape=f"d_{role}", offset=offset, optional=True)
        for name, role in ((queries, Role.GAIN_Q), (keys, Role.GAIN_K))
    )
