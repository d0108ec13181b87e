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
    found = by_prefix(names.values(), DEEPEST)
    usual = [f"{prefix}." for prefix, same in found.items() if 2 * len(same) > len(names)]
    for prefix in sorted(usual, key=len):
        tensors = {names[n].removeprefix(prefix): t for n, t in contents.tensors.items()}
        if len(tensors) == len(names):
            yield replace(contents, tensors=tensors)
