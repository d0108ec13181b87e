"""Codes and scales to values: what a quantised checkpoint's weights are, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ngpt_inspect.plugins import collect
from ngpt_inspect.quantised._scheme import Recognised, Scheme
from ngpt_inspect.stored import Contents, StoredTensor

__all__ = ["SCHEMES", "Recognised", "Scheme", "dequantised"]

SCHEMES: dict[str, Scheme] = collect(__name__, __path__, Scheme)
"""Every way of quantising, by name."""


def dequantised(contents: Contents) -> Contents:
    """Return the contents with every quantised tensor in place of its codes and scales.

    The tensor takes the place and the name of the weight; codes and scales are no longer listed
    apart, but named in its note. One whose scale is missing or does not fit stays, with an
    obstacle that says so. Headers alone decide; nothing is read.
    """
    found: dict[str, Recognised] = {}
    for scheme in SCHEMES.values():
        for each in scheme.find(contents):
            found.setdefault(each.codes, each)
    if not found:
        return contents
    return replace(contents, tensors=dict(_replaced(contents.tensors, found)))


def _replaced(
    tensors: Mapping[str, StoredTensor], found: Mapping[str, Recognised]
) -> list[tuple[str, StoredTensor]]:
    gone = {name for each in found.values() for name in each.others}
    out = []
    for name, tensor in tensors.items():
        if name in found:
            out.append((found[name].tensor.name, found[name].tensor))
        elif name not in gone:
            out.append((name, tensor))
    return out
