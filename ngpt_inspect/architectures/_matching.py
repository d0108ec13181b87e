"""Finds the one declaration that places every tensor, or says why none or several do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ngpt_inspect.architectures._architecture import Architecture, Rule
from ngpt_inspect.architectures._dimensions import dimensions
from ngpt_inspect.architectures._template import fill, match, unwrap
from ngpt_inspect.errors import UnknownArchitecture, WrongOption
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import TIED, Role

SHOWN = 4
"""How many names a message quotes."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A tensor that a rule has found."""

    rule: Rule
    layer: int | None
    expert: int | None
    tensor: StoredTensor


@dataclass(frozen=True, kw_only=True)
class Match:
    """How one declaration fits one checkpoint."""

    architecture: Architecture
    placed: tuple[Placed, ...]
    dimensions: Mapping[str, int]
    ignored: Mapping[str, str] = field(default_factory=dict)
    buffers: frozenset[str] = frozenset()
    unplaced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether everything the declaration requires is there, in the right shapes."""
        return not self.missing and not self.conflicts

    @property
    def evidence(self) -> str:
        """One clause for messages."""
        n_placed = len({each.tensor.name for each in self.placed})
        clause = f"{self.architecture.name} places {n_placed} tensors, leaves {len(self.unplaced)}"
        trouble = [f"misses {_some(self.missing)}"] if self.missing else []
        return "; ".join([clause, *trouble, *self.conflicts[:1]])


def find_architecture(
    contents: Contents,
    architectures: Mapping[str, Architecture],
    *,
    name: str | None = None,
    n_heads: int | None = None,
) -> Match:
    """Return the declaration that fits a checkpoint.

    All required tensors of a declaration must be there in every layer, in shapes that agree
    with one another; among those that fit, the one that leaves fewest tensors unplaced wins.
    `name` names the declaration to use, `n_heads` the number of heads, where files do not say.

    Raises
    ------
    UnknownArchitecture
        None fits, or several fit equally well; the message quotes the evidence.
    WrongOption
        No architecture has this name.
    """
    if name is not None and name not in architectures:
        raise WrongOption(
            f"no architecture {name!r}", next_step=f"there are {', '.join(sorted(architectures))}"
        )
    chosen = [architectures[name]] if name is not None else architectures.values()
    matches = [try_architecture(contents, each, n_heads) for each in chosen]
    fitting = sorted((m for m in matches if m.fits), key=lambda m: len(m.unplaced))
    if not fitting:
        raise _none_fits(contents, matches)
    ties = [m for m in fitting if len(m.unplaced) == len(fitting[0].unplaced)]
    if len(ties) > 1:
        raise UnknownArchitecture(
            f"several layouts fit: {'; '.join(m.evidence for m in ties)}",
            where=contents.source,
            next_step=f"say --architecture {ties[0].architecture.name} or another of them",
        )
    return fitting[0]


def try_architecture(
    contents: Contents, architecture: Architecture, n_heads: int | None = None
) -> Match:
    """Return how one declaration fits, however badly."""
    placed: list[Placed] = []
    ignored: dict[str, str] = {}
    unplaced: list[str] = []
    for raw_name, tensor in contents.tensors.items():
        name = unwrap(raw_name)
        found = [
            Placed(rule=rule, layer=numbers[0], expert=numbers[1], tensor=tensor)
            for rule in architecture.rules
            if (numbers := match(rule.name, name)) is not None
        ]
        known_to_be = {**architecture.ignored, **architecture.buffers}
        reasons = [why for template, why in known_to_be.items() if match(template, name)]
        if found:
            placed.extend(found)
        elif reasons:
            ignored[raw_name] = reasons[0]
        else:
            unplaced.append(raw_name)
    shaped = [(each.tensor.name, each.rule.shape, each.tensor.shape) for each in placed]
    known, conflicts = dimensions(contents, shaped, n_heads)
    conflicts += [
        f"{name} belongs to {layout}"
        for name in contents.tensors
        for template, layout in architecture.excludes.items()
        if match(template, unwrap(name))
    ]
    layers = sorted({each.layer for each in placed if each.layer is not None})
    known["n_layers"] = len(layers)
    return Match(
        architecture=architecture,
        placed=tuple(placed),
        dimensions=known,
        ignored=ignored,
        buffers=frozenset(
            name
            for name in ignored
            if any(match(template, unwrap(name)) for template in architecture.buffers)
        ),
        unplaced=tuple(unplaced),
        missing=tuple(_missing(architecture.rules, placed, layers)),
        conflicts=tuple(conflicts),
    )


def _missing(rules: Iterable[Rule], placed: list[Placed], layers: list[int]) -> list[str]:
    """Return the names of required tensors that are not there, layer by layer."""
    there = {(each.rule.name, each.layer) for each in placed}
    expected = range(max(layers) + 1) if layers else range(1)
    names = {
        fill(rule.name, layer): None
        for rule in rules
        if not rule.optional
        for layer in (expected if "{layer}" in rule.name else (None,))
        if (rule.name, layer) not in there
    }
    return list(names)


def _none_fits(contents: Contents, matches: list[Match]) -> UnknownArchitecture:
    names = list(contents.tensors)
    if any("encoder.layer" in name for name in names):
        return UnknownArchitecture(
            f"an encoder ({names[0]}, ...); only decoder-only language models are known",
            where=contents.source,
            next_step="give a GPT or nGPT checkpoint",
        )
    closest = max(matches, key=lambda m: (len(m.placed), -len(m.unplaced)))
    if not closest.placed:
        return UnknownArchitecture(
            f"no known layout has tensors named {_some(names)}",
            where=contents.source,
            next_step="list them all with `ngpt-inspect tensors`",
        )
    return UnknownArchitecture(
        f"no known layout fits; the closest, {closest.evidence}"
        + (f"; not placed: {_some(closest.unplaced)}" if closest.unplaced else ""),
        where=contents.source,
        next_step="list the tensors with `ngpt-inspect tensors`",
    )


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def absent_roles(found: Match) -> dict[Role, str]:
    """Return the roles this model has not, each with the reason.

    A declared output embedding that is not in the file, or shares its bytes with the input
    embedding, is tied.
    """
    tensors = {each.rule.role: each.tensor for each in found.placed}
    absent = {}
    e_input, e_output = tensors.get(Role.E_INPUT), tensors.get(Role.E_OUTPUT)
    if e_input is not None and (e_output is None or e_output.location == e_input.location):
        absent[Role.E_OUTPUT] = TIED
    if found.architecture.family == "GPT":
        scales = (r for r in Role if r.value.startswith(("alpha", "s_")))
        absent |= dict.fromkeys(scales, "a GPT has none")
    return absent | {
        role: f"none in the {found.architecture.title} layout"
        for role in Role
        if role not in tensors and role not in absent
    }
