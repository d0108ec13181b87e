"""Integers in groups of a reshaped matrix: HQQ (github.com/mobiusml/hqq, hqq/core).

``NAME.W_q`` holds codes q of the matrix seen as (groups, group size) with axis 1, (group size,
groups) with axis 0; packed by rows: the first of 8 // bits blocks of rows (10 of 3 bits in a word
of 32) is in the highest bits; 5 and 6 bits are not packed. W = ((q - zero) scale) in the shape
that ``NAME.shape`` has; bits and axis are in ``NAME.nbits`` and ``NAME.axis``, or in the config.
In files of torch.save all this may be in ``NAME.meta``, and scales and zeros quantised likewise:
``scale_q`` and ``zero_q`` hold their codes, ``meta_scale`` and ``meta_zero`` what is said of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scales import SCALE_DTYPES
from ngpt_inspect.quantised._scheme import Recognised, Scheme, described, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.stored import Contents, StoredTensor

WIDTHS = {"U8": 8, "I32": 32}
"""Bits of what codes are packed into."""
PACKED = {"U8": {1: 1, 2: 2, 4: 4, 5: 8, 6: 8, 8: 8}, "I32": {3: 3, 4: 4}}
"""Bits that a code takes there."""
INTEGERS = ("I64", "I32", "U8")
MOST_AXES = 2
_META = (
    *("scale", "zero", "shape", "nbits", "axis", "group_size", "packing", "unpack_view_dtype"),
    *("view_as_float", "quant_scale", "quant_zero", "compute_dtype", "channel_wise", "optimize"),
    *("round_zero", "scale_q", "zero_q"),
)
BESIDE = (
    *(f"{home}{key}" for home in ("", "meta.") for key in _META),
    *(
        f"{home}meta_{of}.{key}"
        for home in ("", "meta.")
        for of in ("scale", "zero")
        for key in _META
    ),
    *("encoded_state_dict", "stores_quant_config", "offload_meta"),
)
"""What the library keeps beside the codes of a module."""


class NotDecoded(Exception):
    """Why no values follow from what is there."""


@dataclass(frozen=True, kw_only=True)
class HQQTensor(QuantisedTensor):
    """See the module."""

    bits: int
    """That a code takes."""
    width: int
    """Bits of one item of the codes."""
    seen: tuple[int, int]
    """The shape in which a scale is of a row or of a column."""

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`. The whole is read: groups cross rows."""
        packed, scales, zeros = (part.read() for part in self.parts)
        shifts = range((self.width // self.bits - 1) * self.bits, -1, -self.bits)
        mask = 2**self.bits - 1
        codes = torch.cat([packed.long() >> shift & mask for shift in shifts])[: self.seen[0]]
        scales = scales.double().expand(self.seen)
        values = (codes - zeros.double()) * scales
        widths = scales.abs().reshape(self.shape)
        return values.reshape(self.shape)[start:stop], widths[start:stop]


def _find(contents: Contents) -> Iterator[Recognised]:
    said = _Said(contents)
    for name, codes in contents.tensors.items():
        base = name.removesuffix(".W_q")
        if base == name:
            continue
        homes = [f"{base}.meta", base]
        home = next((each for each in homes if f"{each}.shape" in said), base)
        try:
            tensor = _decoded(f"{base}.weight", codes, home, said)
        except NotDecoded as error:
            yield refused(name, codes, f"quantised by HQQ{error}")
            continue
        others = tuple(each for part in BESIDE if (each := f"{base}.{part}") in contents.tensors)
        yield Recognised(tensor=tensor, codes=name, others=others)


class _Said:
    """What a checkpoint says of each module: in small tensors, or beside the tensors."""

    def __init__(self, contents: Contents) -> None:
        self.tensors = contents.tensors
        self._beside = contents.config
        config = quantisation(contents)
        inner = config.get("quant_config")
        config = inner.get("weight_quant_params", inner) if isinstance(inner, Mapping) else config
        self._of_all = config if isinstance(config, Mapping) else {}

    def __contains__(self, name: str) -> bool:
        return name in self.tensors or name in self._beside

    def integers(self, name: str) -> list[int]:
        """Return the few integers of a setting; none where it is something else."""
        stored = self.tensors.get(name)
        if stored is None:
            said = self._beside.get(name, self._of_all.get(name.rpartition(".")[2]))
            found = said if isinstance(said, list) else [said]
        elif stored.dtype in INTEGERS and 0 < stored.n_values <= MOST_AXES:
            found = stored.read().reshape(-1).tolist()
        else:
            found = []
        return found if all(type(each) is int for each in found) else []


def _decoded(name: str, codes: StoredTensor, home: str, said: _Said) -> HQQTensor:
    """Return a tensor by its codes and what is said of it under `home`.

    Raises
    ------
    NotDecoded
        Something is missing, or does not fit; says what, for the end of a sentence.
    """
    shape = tuple(said.integers(f"{home}.shape"))
    found = {part: _side(part, home, said) for part in ("scale", "zero")}
    missing = [*(part for part, each in found.items() if each is None), *["shape"] * (not shape)]
    if missing:
        raise NotDecoded(f", and without {', '.join(missing)} no values follow")
    parts = (codes, *(each for each in found.values() if each is not None))
    bits, axis = ((*said.integers(f"{home}.{key}"), -1)[0] for key in ("nbits", "axis"))
    taken = PACKED.get(codes.dtype, {}).get(bits, 0)
    width = WIDTHS.get(codes.dtype, 0)
    seen = _seen(parts, shape, width // taken if taken else 0, axis)
    if seen is None:
        msg = f" in {bits} bits along axis {axis}, and its parts do not fit: {described(parts)}"
        raise NotDecoded(msg)
    return HQQTensor(
        name=name,
        shape=shape,
        dtype=f"HQQ int{bits}",
        location=codes.location,
        parts=parts,
        bits=taken,
        width=width,
        seen=seen,
    )


def _side(part: str, home: str, said: _Said) -> StoredTensor | None:
    """Return the scales or zeros, which may be quantised themselves."""
    plain, codes = (said.tensors.get(f"{home}.{name}") for name in (part, f"{part}_q"))
    if plain is not None or codes is None:
        return plain
    inner = f"{home}.meta_{part}"
    if f"{inner}.scale" not in said.tensors or f"{inner}.zero" not in said.tensors:
        return None  # of codes of codes none is known
    return _decoded(codes.name, codes, inner, said)


def _seen(
    parts: tuple[StoredTensor, ...], shape: tuple[int, ...], n_packed: int, axis: int
) -> tuple[int, int] | None:
    """Return the shape in which scales are of rows or columns, where all parts agree on it."""
    codes, *others = parts
    if len(codes.shape) != 2 or len(shape) != 2 or min(*codes.shape, *shape) < 1:
        return None
    n_rows, rest = divmod(shape[0] * shape[1], codes.shape[1])
    wanted = (n_rows, 1) if axis == 1 else (1, codes.shape[1])
    fits = (
        n_packed > 0
        and axis in (0, 1)
        and not rest
        and codes.shape[0] == -(-n_rows // n_packed)
        and all(each.shape == wanted or each.n_values == 1 for each in others)
        and all(each.dtype in SCALE_DTYPES or isinstance(each, HQQTensor) for each in others)
    )
    return (n_rows, codes.shape[1]) if fits else None


HQQ = Scheme(name="hqq", summary="HQQ integers of 1 to 6 or 8 bits", find=_find)
