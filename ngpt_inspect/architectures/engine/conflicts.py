"""What speaks against a declaration although every required tensor is there."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.engine.dimensions import CONFIG_KEYS, differs
from ngpt_inspect.architectures.engine.placed import Placed
from ngpt_inspect.architectures.engine.said import says
from ngpt_inspect.architectures.engine.template import Names, Templates, fill, grouped
from ngpt_inspect.expressions import names_in
from ngpt_inspect.stored import Contents
from ngpt_inspect.vocabulary import SEVERAL, Role
from ngpt_inspect.wording import cut


def uncut(
    placed: Iterable[Placed], known: Mapping[str, int], architecture: Architecture
) -> Iterator[str]:
    """Yield one sentence for the first fused tensor that cannot be cut: heads are not said."""
    told = {*known, *(constant.name for constant in architecture.constants)}
    for each in placed:
        needed = names_in(" + ".join((*(each.rule.rows or ("0",)), each.rule.groups)))
        if needed - told:
            yield uncuttable(each.tensor.name)
            return


def uncuttable(name: str) -> str:
    """Return the sentence of a fused tensor that only the number of heads can cut."""
    return f"{cut(name)} holds heads, and nothing says how many: give --heads N"


def rivals(placed: Iterable[Placed]) -> list[str]:
    """Return one sentence for each role that two tensors claim."""
    holders: dict[tuple[Role, int | None, int | None], list[str]] = {}
    for each in placed:
        holders.setdefault((each.rule.role, each.layer, each.expert), []).append(each.tensor.name)
    return [
        f"both {cut(names[0])} and {cut(names[1])} would be {key[0]}"
        for key, names in holders.items()
        if len(names) > 1 and key[0] not in SEVERAL
    ]


def objections(
    contents: Contents, architecture: Architecture, *, named: bool, names: Names | None = None
) -> list[str]:
    """Return what names of other layouts and the config say against a declaration.

    `named`: the user has asked for it, which answers what the config does not say.
    """
    names = grouped(contents.tensors) if names is None else names
    cousins = Templates(architecture.excludes.items())
    against = [
        f"{cut(name)} belongs to {layout}"
        for name, layouts in cousins.among(names).items()
        for layout, _ in layouts
    ]
    stated = filter(None, (contents.find(*keys) for keys in CONFIG_KEYS.values()))
    against += [f"{where} differs by layer" for said, where in stated if differs(said)]
    marks = Templates((mark, mark) for mark in architecture.marks)
    if architecture.marks and not marks.among(names):
        against.append(f"has no {fill(architecture.marks[0], None)}")
    for setting, values in architecture.requires.items():
        found = contents.find(setting)
        if found is None and not named:
            against.append(
                f"needs {setting} {' or '.join(values)}, and the config says nothing "
                f"(--architecture {architecture.name} says it)"
            )
        elif found is not None and not says(found[0], values):
            told = reprlib.repr(found[0])
            against.append(f"needs {setting} {' or '.join(values)}, and the config says {told}")
    for setting, values in architecture.forbids.items():
        found = contents.find(setting)
        if found is not None and says(found[0], values):
            against.append(f"{found[1]} is {found[0]}, another layout")
    return against
