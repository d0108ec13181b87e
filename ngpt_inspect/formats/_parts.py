"""Several sets of weights in one checkpoint, as a model and its moving average: which is read."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.formats.torch.state_dict import WRAPPERS
from ngpt_inspect.naming import meant
from ngpt_inspect.stored import Contents, Held, by_prefix
from ngpt_inspect.wording import listed

DEEPEST = 2
"""Words of a prefix that can name a set."""
FEWEST = 3
"""Tensors of a set, and one of them in a layer: less is no model."""


def with_part(contents: Contents, name: str | None) -> Contents:
    """Return a checkpoint with the set of weights of this name, by default the usual one.

    Raises
    ------
    WrongOption
        There is no such set; or none is named, and none has a usual name.
    """
    parts = contents.parts or _prefixed(contents, asked=name is not None)
    there = f"its parts are {listed(parts)}" if parts else "it holds one set of weights"
    begun = [each for each in parts if name is not None and each.startswith(f"{name}.")]
    if name is not None and name not in parts and len(begun) != 1:
        near = meant(name, parts, "its parts are") if parts else there
        raise WrongOption(f"no part {name!r}", where=contents.source, next_step=near)
    usual = sorted((each for each in parts if _rank(each) < len(WRAPPERS)), key=_rank)
    if name is None and not parts:
        return contents
    if name is None and not usual:
        raise WrongOption(
            f"holds {len(parts)} sets of weights, and none has a usual name",
            where=contents.source,
            next_step=f"say --part; {there}",
        )
    part = usual[0] if name is None else name if name in parts else begun[0]
    tensors, config = parts[part]()
    return replace(contents, tensors=tensors, config=config, part=part, parts=parts)


def _rank(name: str) -> int:
    """Return the place of a name among the usual ones: by its first word that is one."""
    found = [WRAPPERS.index(word) for word in name.split(".") if word in WRAPPERS]
    return found[0] if found else len(WRAPPERS)


def _prefixed(contents: Contents, *, asked: bool) -> Mapping[str, Callable[[], Held]]:
    """Return the sets that are told apart by how names begin: ``model.`` and ``ema.``.

    Unasked they are two sets only where one has a usual name: ``encoder.`` and ``decoder.`` are
    two halves of one model.
    """
    alike: dict[frozenset[str], list[str]] = {}
    for prefix, rest in _by_prefix(contents.tensors).items():
        if len(rest) >= FEWEST and _is_model(contents, prefix, rest):
            alike.setdefault(frozenset(rest), []).append(prefix)
    several = {rest: prefixes for rest, prefixes in alike.items() if len(prefixes) > 1}
    if not several:
        return {}
    prefixes = several[max(several, key=len)]
    if not asked and not any(_rank(apart) < len(WRAPPERS) for apart in _apart(prefixes)):
        return {}
    return {prefix: partial(_under, contents, prefix, prefixes) for prefix in prefixes}


def _is_model(contents: Contents, prefix: str, rest: set[str]) -> bool:
    """Tell a model from a stack of its layers: it has embeddings beside them."""
    numbered = {name for name in rest if any(word.isdecimal() for word in name.split("."))}
    beside = (contents.tensors[f"{prefix}.{name}"].shape for name in rest - numbered)
    return bool(numbered) and any(len(shape) > 1 for shape in beside)


def _apart(prefixes: list[str]) -> list[str]:
    """Return prefixes without the words that all begin with."""
    words = [prefix.split(".") for prefix in prefixes]
    same = 0
    while len({each[same] if same < len(each) else "" for each in words}) == 1:
        same += 1
    return [".".join(each[same:]) for each in words]


def _by_prefix(names: Iterable[str]) -> dict[str, set[str]]:
    """Return what follows each prefix that names no layer, of those that as many names have."""
    found = by_prefix(names, DEEPEST)
    alike = Counter(map(len, found.values()))
    return {
        prefix: {name[len(prefix) + 1 :] for name in same}
        for prefix, same in found.items()
        if alike[len(same)] > 1
    }


def _under(contents: Contents, prefix: str, prefixes: list[str]) -> Held:
    """Return the tensors of one set by what follows its prefix, and those of none."""
    others = tuple(f"{each}." for each in prefixes if each != prefix)
    tensors = {
        name.removeprefix(f"{prefix}."): tensor
        for name, tensor in contents.tensors.items()
        if not name.startswith(others)
    }
    return tensors, contents.config
