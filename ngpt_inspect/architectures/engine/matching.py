"""Finds the one declaration that places every tensor, or says why none or several do."""

from __future__ import annotations

from collections.abc import Mapping

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.engine.cautions import cautions
from ngpt_inspect.architectures.engine.conflicts import objections, rivals, uncut
from ngpt_inspect.architectures.engine.match import Match
from ngpt_inspect.architectures.engine.missing import missing
from ngpt_inspect.architectures.engine.parts import assembled
from ngpt_inspect.architectures.engine.placed import Placed, placements
from ngpt_inspect.architectures.engine.prefixes import without_prefix
from ngpt_inspect.architectures.engine.template import Names, Templates, grouped, may_occur
from ngpt_inspect.architectures.engine.unknown import UNKNOWN, as_unknown, nearest
from ngpt_inspect.architectures.engine.variants import settled
from ngpt_inspect.errors import UnknownArchitecture
from ngpt_inspect.naming import named
from ngpt_inspect.stored import ADAPTER, Contents
from ngpt_inspect.vocabulary import TIED, Role


def find_architecture(
    contents: Contents,
    architectures: Mapping[str, Architecture],
    *,
    name: str | None = None,
    n_heads: int | None = None,
    or_unknown: bool = True,
) -> Match:
    """Return the declaration that fits a checkpoint, or `unknown` where none does.

    All required tensors of a declaration must be there in every layer, in shapes that agree
    with one another and with the config; among those that fit, the one that leaves fewest
    tensors unplaced wins.
    `name` names the declaration to use, `n_heads` the number of heads, where files do not say.
    `or_unknown`: false where the declarations are those that the user wants: like a name, and a
    number of heads that alone keeps a layout from fitting, they are not passed over.

    Raises
    ------
    UnknownArchitecture
        Several fit equally well, or none does that was asked for; the message quotes the
        evidence.
    WrongOption
        No architecture has this name.
    """
    if name == UNKNOWN.name:
        return as_unknown(contents, ())
    known = dict(sorted(architectures.items()))
    chosen = list(architectures.values()) if name is None else [named(name, known, "architecture")]
    asked, is_part = name is not None, contents.part == ADAPTER
    fitting: list[Match] = []
    near: list[Match] = []
    for shorter in (contents, *without_prefix(contents)):
        if not fitting:
            near += _tried(shorter, chosen, n_heads, asked=asked, all_of_them=is_part)
            fitting = _fitting(near, is_part)
    # A vocabulary says less than a layout that knows every tensor.
    if not fitting or fitting[0].unplaced:
        of_parts = [try_architecture(contents, each, n_heads) for each in chosen if each.parts]
        fitting = _fitting([*fitting, *of_parts], is_part)
    if not fitting:
        near += _tried(contents, chosen, n_heads, asked=asked, all_of_them=True) + of_parts
        contradicts = n_heads is not None and any(
            try_architecture(contents, each).fits for each in chosen
        )
        if or_unknown and name is None and not contradicts:
            return as_unknown(contents, near)
        raise UnknownArchitecture(
            f"it does not fit: {nearest(near).evidence}",
            where=contents.source,
            next_step="correct what you say of it, or leave it out",
        )
    ties = [m for m in fitting if _worth(m) == _worth(fitting[0])]
    if len(ties) > 1 and not (is_part and _agree(ties)):
        raise UnknownArchitecture(
            f"several layouts fit: {'; '.join(m.evidence for m in ties)}",
            where=contents.source,
            next_step=f"say --architecture {ties[0].architecture.name} or another of them",
        )
    return fitting[0]


def _tried(
    contents: Contents,
    chosen: list[Architecture],
    n_heads: int | None,
    *,
    asked: bool,
    all_of_them: bool,
) -> list[Match]:
    """Return how each layout fits that knows all its names.

    `all_of_them`: also those of which a tensor that every layer must have is missing everywhere.
    """
    names = grouped(contents.tensors)
    return [
        try_architecture(contents, each, n_heads, named=asked, names=names)
        for each in chosen
        if not each.parts and (all_of_them or _possible(each, names))
    ]


def _possible(architecture: Architecture, names: Names) -> bool:
    required = (r.name for r in architecture.rules if not (r.optional or r.block))
    return all(may_occur(name, names) for name in required)


def _fitting(matches: list[Match], is_part: bool) -> list[Match]:
    """Return those that fit, best first; to an adapter much may be missing, but not all.

    Layouts of the same names say the same of an adapter: the plainest comes first.
    """
    fitting = [m for m in matches if m.fits or (is_part and m.placed and not m.conflicts)]
    return sorted(fitting, key=lambda m: (*_worth(m), len(m.architecture.notes)))


def _worth(match: Match) -> tuple[int, bool]:
    return len(match.unplaced), match.architecture.parts


def _agree(matches: list[Match]) -> bool:
    """Tell whether layouts say the same of every tensor that is there."""
    said = [
        {(p.tensor.name, p.rule.role, p.layer, p.rule.rows, p.rule.transposed) for p in m.placed}
        for m in matches
    ]
    return all(each == said[0] for each in said)


def try_architecture(
    contents: Contents,
    architecture: Architecture,
    n_heads: int | None = None,
    *,
    named: bool = False,
    names: Names | None = None,
) -> Match:
    """Return how one declaration fits, however badly.

    `named`: the user has asked for it. `names`: those of the tensors, where they are grouped
    already.
    """
    if architecture.parts:
        return assembled(contents, architecture, n_heads)
    names = grouped(contents.tensors) if names is None else names
    index, index_of_others = _indexed(architecture)
    rules, others = index.among(names), index_of_others.among(names)
    placed: list[Placed] = []
    ignored: dict[str, str] = {}
    buffers: set[str] = set()
    depth = 0
    # Most layouts know no name of most models: those are passed over at once.
    known_names = {*rules, *others}
    unplaced = [t.name for name, t in contents.tensors.items() if name not in known_names]
    for raw_name in filter(known_names.__contains__, contents.tensors if known_names else ()):
        tensor = contents.tensors[raw_name]
        if raw_name in rules:
            for rule, numbers in rules[raw_name]:
                placed.extend(placements(rule, *numbers, tensor))
        else:
            (reason, is_buffer), (layer, _) = others[raw_name][0]
            ignored[tensor.name] = reason
            buffers |= {tensor.name} if is_buffer else set()
            # A layer of a hybrid may hold nothing but tensors without a role.
            depth = max(depth, layer + 1 if architecture.hybrid and layer is not None else 0)
    placed, known, conflicts = settled(contents, placed, n_heads)
    known["n_layers"] = max([depth, *(p.layer + 1 for p in placed if p.layer is not None)])
    experts = [each.expert for each in placed if each.expert is not None]
    if experts:
        known["n_experts"] = max(experts) + 1
    return Match(
        architecture=architecture,
        placed=tuple(placed),
        dimensions=known,
        ignored=ignored,
        buffers=frozenset(buffers),
        unplaced=tuple(unplaced),
        missing=tuple(missing(architecture, placed, known["n_layers"], len(set(experts)))),
        conflicts=(
            *conflicts,
            *uncut(placed, known, architecture),
            *rivals(placed),
            *objections(contents, architecture, named=named, names=names),
        ),
        cautions=tuple(cautions(contents, architecture, range(known["n_layers"]))),
    )


def _indexed(architecture: Architecture) -> tuple[Templates[Rule], Templates[tuple[str, bool]]]:
    """Return the rules, and the tensors without a role (reason, whether a buffer), by name."""
    others = [(name, (why, False)) for name, why in architecture.ignored.items()]
    others += [(name, (why, True)) for name, why in architecture.buffers.items()]
    return Templates((rule.name, rule) for rule in architecture.rules), Templates(others)


def absent_roles(found: Match) -> dict[Role, str]:
    """Return the roles this model has not, each with the reason.

    A declared output embedding that is not in the file, or shares its bytes with the input
    embedding, is tied.
    """
    tensors = {each.rule.role: each.tensor for each in found.placed}
    absent: dict[Role, str] = {}
    e_input, e_output = tensors.get(Role.E_INPUT), tensors.get(Role.E_OUTPUT)
    told = found.architecture is not UNKNOWN
    tied = e_output.location == e_input.location if e_input and e_output else told
    if e_input is not None and tied:
        absent[Role.E_OUTPUT] = TIED
    if found.architecture.family == "GPT":
        scales = (r for r in Role if r.value.startswith(("alpha", "s_")))
        absent |= dict.fromkeys(scales, "a GPT has none")
    return absent | {
        role: f"none in the {found.architecture.title} layout" if told else "no layout says"
        for role in Role
        if role not in tensors and role not in absent
    }
