"""Drafts a declaration for tensors that no built-in one places: names, shapes, likeness.

A whole word goes before a likeness, and a shape before both. What they cannot tell is left open
(among the ignored, with the reason) or said (among the notes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, Constant
from ngpt_inspect.architectures.engine.conflicts import objections
from ngpt_inspect.architectures.engine.dimensions import dimensions
from ngpt_inspect.architectures.engine.guesses import Alike, chosen, groups_of
from ngpt_inspect.architectures.engine.orientation import oriented
from ngpt_inspect.architectures.engine.template import unwrap
from ngpt_inspect.architectures.engine.words import told, words
from ngpt_inspect.expressions import names_in
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import Role

PAPER = "reference_ngpt"
"""The declaration whose constants are those of the paper."""
UNDECIDED = "no role suggested: give it one, or say here why it has none"

_Spelt = tuple[tuple[str, ...], bool]
"""The words of a name, and whether it is of a layer."""

_NUMBERED = re.compile(r"(?<![^.])[0-9]+(?![^.])")


def suggested(
    contents: Contents, architectures: Mapping[str, Architecture], n_heads: int | None = None
) -> Architecture:
    """Return a draft: each tensor's most likely role, or a place among the ignored.

    Names become templates: the first number between dots counts layers, one after ``experts``
    counts experts. A template takes over the rules of a built-in tensor with the roles that its
    words tell, else of the one whose name is most like it, where the shape is possible; each
    role is given once. Init and scale of learned vectors are the paper's.
    """
    architectures = {name: each for name, each in architectures.items() if not each.parts}
    tensors = _templates(contents)
    sizes = _sizes(contents, list(tensors.values()), n_heads)
    groups = groups_of(each for each in architectures.values() if _may_be(each, contents))
    left = _left_out(tensors, architectures.values())
    found = {name: tensor for name, tensor in tensors.items() if name not in left}
    taken, open_ones = chosen(found, groups, sizes)
    # Twice: the MLP's output tells the width by which a fused input is known from a plain one.
    taken, open_ones = chosen(found, groups, sizes | _widths(taken, found, sizes))
    rules, notes = oriented({name: group.rules for name, group in taken.items()}, tensors, sizes)
    notes += [_of_cut(name, group) for name, group in taken.items() if len(group.rules) > 1]
    factors, constants = _papers(architectures)
    partial = _not_everywhere(contents)
    rules = [
        replace(
            rule,
            block="",
            optional=rule.name in partial,
            offset="0",
            factor=factors.get(rule.role, rule.factor),
        )
        for rule in rules
    ]
    order = {role: rank for rank, role in enumerate(Role)}
    used = {name for rule in rules for name in names_in(rule.factor)}
    return Architecture(
        name="mine",
        family="nGPT" if {rule.role for rule in rules} & {Role.ALPHA_A, Role.ALPHA_M} else "GPT",
        title="mine",
        source=f"drafted from {contents.source}",
        rules=tuple(sorted(rules, key=lambda rule: order[rule.role])),
        ignored={
            name: left.get(name) or open_ones.get(name) or _why_open(name, tensor)
            for name, tensor in tensors.items()
            if name not in taken
        },
        constants=tuple(c for c in constants if c.name in used),
        notes=tuple(notes),
    )


def _may_be(architecture: Architecture, contents: Contents) -> bool:
    """Return whether the config speaks against nothing; names are guessed anyway."""
    by_config = replace(architecture, excludes={}, marks=())
    return not objections(contents, by_config, named=False)


def _left_out(tensors: Iterable[str], architectures: Iterable[Architecture]) -> dict[str, str]:
    """Return why tensors have no role, of those that a built-in layout has none for.

    Names are compared by their words. The layout that knows most of them decides: to a Gemma 2
    a post_attention_layernorm is another thing than to a Llama.
    """
    known = [_known(each) for each in architectures]
    known.sort(key=lambda each: -sum(_spelt(name) in each for name in tensors))
    left: dict[str, str] = {}
    for name in tensors:
        said = next((each[_spelt(name)] for each in known if _spelt(name) in each), "")
        why = BIAS if name.endswith("bias") else said
        left |= {name: why} if why else {}
    return left


def _known(architecture: Architecture) -> dict[_Spelt, str]:
    """Return the names of a layout and why there is no role for them; empty where there is."""
    others = (*architecture.ignored.items(), *architecture.buffers.items())
    pairs = [*others, *((rule.name, "") for rule in architecture.rules)]
    return {_spelt(one): why for template, why in pairs for one in template.split("|")}


def _spelt(name: str) -> _Spelt:
    return words(name), "{layer}" in name


def _widths(
    taken: Mapping[str, Alike], tensors: Mapping[str, StoredTensor], sizes: Mapping[str, int]
) -> dict[str, int]:
    """Return the width of the MLP, where its output is one matrix that is not square."""
    outputs = [tensors[n].shape for n, group in taken.items() if group.roles == {Role.W_O_MLP}]
    widths = {size for shape in outputs for size in shape[-2:]} - {sizes.get("d_model")}
    return {"d_mlp": widths.pop()} if len(widths) == 1 else {}


def _why_open(name: str, tensor: StoredTensor) -> str:
    """Say why a tensor has no role, as far as its name and shape say anything."""
    roles = [role for role in Role if role in told(name)]
    if len(roles) > 1:
        held = f"{', '.join(roles[:-1])} and {roles[-1]}"
        return f"holds {held} in an order that nothing tells: give rows and groups"
    if len(tensor.shape) == 2 and not roles:
        return "its words tell no role and its shape fits several: give it one, or say why none"
    return UNDECIDED


def _of_cut(name: str, group: Alike) -> str:
    parts = "; ".join(
        f"{rule.role} rows {' to '.join((rule.rows or ())[:2])}"
        + (f" by {rule.rows[2]}" if rule.rows and len(rule.rows) > 2 else "")
        + (f" of each of {rule.groups} groups" if rule.groups != "1" else "")
        for rule in group.rules
    )
    return f"{name} is cut as others of its name are, for no shape tells the order: {parts}"


def _papers(
    architectures: Mapping[str, Architecture],
) -> tuple[dict[Role, str], tuple[Constant, ...]]:
    """Return init / scale of each learned vector as in the paper: a code's own is not known."""
    paper = architectures[PAPER]
    factors = {rule.role: rule.factor for rule in paper.rules}
    factors |= dict.fromkeys((Role.S_Q, Role.S_K), factors[Role.S_QK])
    return factors, tuple(replace(constant, keys=()) for constant in paper.constants)


def _templates(contents: Contents) -> dict[str, StoredTensor]:
    """Return one tensor for each template that names follow."""
    found: dict[str, StoredTensor] = {}
    for raw_name, tensor in contents.tensors.items():
        found.setdefault(_template(raw_name), tensor)
    return found


def _template(raw_name: str) -> str:
    name = _NUMBERED.sub("{layer}", unwrap(raw_name), count=1)
    return re.sub(r"(experts\.)[0-9]+(?=\.)", r"\1{expert}", name)


def _not_everywhere(contents: Contents) -> set[str]:
    """Return the templates that some layers lack, as where dense ones and mixtures alternate."""
    layers: dict[str, set[str]] = {}
    for raw_name in contents.tensors:
        number = _NUMBERED.search(unwrap(raw_name))
        if number is not None:
            layers.setdefault(_template(raw_name), set()).add(number[0])
    depth = len(set().union(*layers.values())) if layers else 0
    return {name for name, mine in layers.items() if len(mine) < depth}


def _sizes(contents: Contents, tensors: list[StoredTensor], n_heads: int | None) -> dict[str, int]:
    """Return what is known of the dimensions: heads, and d_model as most matrices have it."""
    known, _ = dimensions(contents, (), n_heads)
    matrices = [tensor.shape for tensor in tensors if len(tensor.shape) == 2]
    counts = [size for shape in matrices for size in set(shape)]
    if counts:
        known["d_model"] = max(counts, key=lambda size: (counts.count(size), -size))
    return known
