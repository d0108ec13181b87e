"""Integers in groups of a reshaped matrix: HQQ (github.com/mobiusml/hqq, hqq/core).

``NAME.W_q`` holds codes q of the matrix seen as (groups, group size) with axis 1, (group size,
groups) with axis 0; packed by rows: the first of 8 // bits blocks of rows (10 of 3 bits in a word
of 32) is in the highest bits. W = ((q - zero) scale) in the shape that ``NAME.shape`` has; bits
and axis are in ``NAME.nbits`` and ``NAME.axis``, or in the config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scheme import Recognised, Scheme
from ngpt_inspect.quantised._tensor import QuantisedTensor, refused
from ngpt_inspect.stored import Contents, StoredTensor

if TYPE_CHECKING:
    import torch

WIDTHS = {"U8": (8, (1, 2, 4, 8)), "I32": (32, (3, 4))}
"""Bits of what codes are packed into, and of a code."""
INTEGERS = ("I64", "I32", "U8")
FLOATS = ("F16", "BF16", "F32")
BESIDE = (
    *("scale", "zero", "shape", "nbits", "axis", "group_size", "packing", "unpack_view_dtype"),
    *("view_as_float", "quant_scale", "quant_zero", "compute_dtype", "encoded_state_dict"),
    *("stores_quant_config", "channel_wise", "optimize", "round_zero", "offload_meta"),
)
"""What the library keeps beside the codes of a module."""


@dataclass(frozen=True, kw_only=True)
class HQQTensor(QuantisedTensor):
    """See the module."""

    bits: int
    width: int
    """Bits of one item of the codes."""
    seen: tuple[int, int]
    """The shape in which a scale is of a row or of a column."""

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`. The whole is read: groups cross rows."""
        import torch

        packed, scales, zeros = (part.read() for part in self.parts)
        shifts = range((self.width // self.bits - 1) * self.bits, -1, -self.bits)
        mask = 2**self.bits - 1
        codes = torch.cat([packed.long() >> shift & mask for shift in shifts])[: self.seen[0]]
        scales = scales.double().expand(self.seen)
        values = (codes - zeros.double()) * scales
        widths = scales.abs().reshape(self.shape)
        return values.reshape(self.shape)[start:stop], widths[start:stop]


def _find(contents: Contents) -> Iterator[Recognised]:
    said = quantisation(contents)
    for name in contents.tensors:
        base = name.removesuffix(".W_q")
        if base != name:
            yield _hqq(base, contents.tensors, said)


def _hqq(base: str, tensors: Mapping[str, StoredTensor], said: Mapping[str, Any]) -> Recognised:
    codes = tensors[f"{base}.W_q"]
    missing = [part for part in ("scale", "zero", "shape") if f"{base}.{part}" not in tensors]
    if missing:
        why = f"quantised by HQQ, and without {', '.join(missing)} no values follow"
        return Recognised(tensor=refused(codes, why), codes=codes.name)
    shape = tuple(_integers(tensors[f"{base}.shape"]))
    bits, axis = (_number(base, key, tensors, said) for key in ("nbits", "axis"))
    parts = (codes, tensors[f"{base}.scale"], tensors[f"{base}.zero"])
    width, known = WIDTHS.get(codes.dtype, (0, ()))
    seen = _seen(parts, shape, width // bits if bits in known else 0, axis)
    if seen is None:
        told = ", ".join(f"{part.name} {list(part.shape)} {part.dtype}" for part in parts)
        why = f"quantised by HQQ in {bits} bits along axis {axis}, and its parts do not fit: {told}"
        return Recognised(tensor=refused(codes, why), codes=codes.name)
    tensor = HQQTensor(
        name=f"{base}.weight",
        shape=shape,
        dtype=f"HQQ int{bits}",
        location=codes.location,
        parts=parts,
        bits=bits,
        width=width,
        seen=seen,
    )
    others = tuple(name for part in BESIDE if (name := f"{base}.{part}") in tensors)
    return Recognised(tensor=tensor, codes=codes.name, others=others)


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
        and all(each.shape == wanted and each.dtype in FLOATS for each in others)
    )
    return (n_rows, codes.shape[1]) if fits else None


def _integers(tensor: StoredTensor) -> list[int]:
    """Return the few integers of a tensor of settings; none where it is something else."""
    if tensor.dtype not in INTEGERS or not 0 < tensor.n_values <= 2:
        return []
    found: list[int] = tensor.read().reshape(-1).tolist()
    return found


def _number(
    base: str, key: str, tensors: Mapping[str, StoredTensor], said: Mapping[str, Any]
) -> int:
    """Return a setting of one module: beside it, else what the config says of all; or -1."""
    stored = tensors.get(f"{base}.{key}")
    found: Any = _integers(stored)[:1] if stored is not None else None
    if not found:
        config = said.get("quant_config")
        config = config.get("weight_quant_params", config) if isinstance(config, Mapping) else said
        found = [config.get(key)] if isinstance(config, Mapping) else []
    return found[0] if found and type(found[0]) is int else -1


HQQ = Scheme(name="hqq", summary="HQQ integers of 1, 2, 3, 4 or 8 bits", find=_find)
