"""Codes and scales to values: what a quantised checkpoint's weights are, exactly."""

from collections.abc import Mapping
from dataclasses import replace

from ngpt_inspect.plugins import collect
from ngpt_inspect.quantised._scheme import Recognised, Scheme
from ngpt_inspect.stored import Contents, StoredTensor

__all__ = ["SCHEMES", "Recognised", "Scheme", "dequantised"]

SCHEMES: dict[str, Scheme] = collect(__name__, __path__, Scheme)
"""Every way of quantising, by name."""
SPELLINGS = (
    ("._weight_qdata", "._weight_scale", "._weight_zero_point"),
    (".weight._data", ".weight._scale", ".weight._shift"),
)
"""What torchao and quanto call codes, scales and zero points of 8 bits."""
SPELT = (".weight", ".weight_scale", ".weight_zero_point")
"""What compressed-tensors calls them."""
ACTIVATIONS = tuple(
    f"{what}_{kind}"
    for what in ("input", "output", "k", "v", "q")
    for kind in ("scale", "global_scale", "zero_point")
)
"""How what flows between quantised weights is quantised: a number each, nothing of a weight."""


def dequantised(contents: Contents) -> Contents:
    """Return the contents with every quantised tensor in place of its codes and scales.

    The tensor takes the place and the name of the weight; codes and scales are no longer listed
    apart, but named in its note; scales of activations are not listed either. One whose scale is
    missing or does not fit stays, with an obstacle that says so. Headers alone decide; nothing is
    read.
    """
    contents = replace(contents, tensors=_respelt(contents.tensors))
    found: dict[str, Recognised] = {}
    for scheme in SCHEMES.values():
        for each in scheme.find(contents):
            found.setdefault(each.codes, each)
    if not found:
        return contents
    return replace(contents, tensors=dict(_replaced(contents.tensors, found)))


def _respelt(tensors: Mapping[str, StoredTensor]) -> Mapping[str, StoredTensor]:
    """Return tensors by the names of compressed-tensors, where they are what it keeps too."""
    names = {
        name.removesuffix(codes) + theirs: name.removesuffix(codes) + ours
        for codes, scale, zero in SPELLINGS
        for name, tensor in tensors.items()
        if name.endswith(codes) and tensor.dtype.startswith(("I8", "F8"))
        for theirs, ours in zip((codes, scale, zero), SPELT, strict=True)
    }
    if not names or not tensors.keys().isdisjoint(names.values()):
        return tensors
    return {names.get(name, name): each for name, each in tensors.items()}


def _replaced(
    tensors: Mapping[str, StoredTensor], found: Mapping[str, Recognised]
) -> list[tuple[str, StoredTensor]]:
    gone = {name for each in found.values() for name in each.others}
    gone |= {name for name, t in tensors.items() if _is_of_activations(name) and t.n_values == 1}
    out = []
    for name, tensor in tensors.items():
        if name in found:
            out.append((found[name].tensor.name, found[name].tensor))
        elif name not in gone:
            out.append((name, tensor))
    return out


def _is_of_activations(name: str) -> bool:
    return name.rpartition(".")[2] in ACTIVATIONS
