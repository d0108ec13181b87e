"""What somebody's module puts before every name of a model: ``net.``, ``base_model.model.``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ngpt_inspect.architectures.engine.template import unwrap
from ngpt_inspect.stored import Contents, by_prefix

DEEPEST = 6
"""Words of a prefix."""


def without_prefix(contents: Contents) -> Iterator[Contents]:
    """Yield the contents with a prefix of more than half of the names taken off, shortest first.

    Names without it stay as they are: a loss or a vision tower beside the language model. Of
    half and half nothing is yielded, for those are two models. Where two names became one,
    neither is.
    """
    names = {name: unwrap(name) for name in contents.tensors}
    for prefix in _prefixes(list(names.values())):
        tensors = {names[n].removeprefix(prefix): t for n, t in contents.tensors.items()}
        if len(tensors) == len(names):
            yield replace(contents, tensors=tensors)


def _prefixes(names: list[str]) -> list[str]:
    """Return the prefixes that more than half of the names have; each begins the next."""
    found = by_prefix(names, DEEPEST).items()
    return sorted((f"{each}." for each, same in found if 2 * len(same) > len(names)), key=len)
