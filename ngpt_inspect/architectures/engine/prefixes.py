"""What somebody's module puts before every name of a model: ``net.``, ``base_model.model.``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ngpt_inspect.architectures.engine.template import unwrap
from ngpt_inspect.stored import Contents, stems

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
    count: Counter[str] = Counter()
    for stem, same in stems(names).items():
        words = stem.split(".")[:DEEPEST] if stem else []
        for depth in range(1, len(words) + 1):
            count[".".join(words[:depth]) + "."] += len(same)
    return sorted((each for each, n in count.items() if 2 * n > len(names)), key=len)
