"""Integers in groups, packed into 32-bit words down the columns: GPTQ (arXiv 2210.17323).

``NAME.qweight`` (in * bits / 32, out), ``NAME.qzeros`` (groups, out * bits / 32), ``NAME.scales``
(groups, out) and, where rows were reordered, ``NAME.g_idx`` (in): the group of each input. The
lowest bits of a word come first. W[o, i] = scales[g, o] (q[i, o] - z[g, o]) with g = g_idx[i],
and z one more than it is stored, unless the checkpoint says that it is of the second format.
GPTQModel may give modules other widths and groups (``dynamic``): shapes tell which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scheme import Recognised, Scheme, incomplete, misfit, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.quantised._words import WORD, unpack
from ngpt_inspect.stored import Contents, StoredTensor

WIDTHS = (2, 3, 4, 8)
"""Bits. Codes of 3 run on from word to word: 32 of them in three."""


@dataclass(frozen=True, kw_only=True)
class GPTQTensor(QuantisedTensor):
    """See the module."""

    bits: int
    group: int
    """Inputs that share a scale, where no g_idx says which."""
    zero_offset: int

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`. The whole is read: rows are columns here."""
        words, zero_words, scales, *order = (part.read() for part in self.parts)
        n_inputs, n_groups = self.shape[1], scales.shape[0]
        if order:
            groups = order[0].long()
            if int(groups.min()) < 0 or int(groups.max()) >= n_groups:
                raise self.refuse(f"its g_idx names groups that are not there (of {n_groups})")
        else:
            groups = torch.arange(n_inputs) // self.group
        codes = unpack(words[:, start:stop], self.bits, 0)
        zeros = unpack(zero_words, self.bits, 1)[:, start:stop] + self.zero_offset
        scales = scales[:, start:stop].float()
        values = (scales[groups] * (codes - zeros[groups])).T
        return values, scales[groups].abs().T.expand_as(values)


def _find(contents: Contents) -> Iterator[Recognised]:
    config = quantisation(contents)
    for name in contents.tensors:
        if name.endswith(".qweight") and config.get("quant_method") == "gptq":
            yield _gptq(name, contents.tensors, config)


def _gptq(name: str, tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]) -> Recognised:
    base, codes = name.removesuffix(".qweight"), tensors[name]
    bits = config.get("bits")
    if type(bits) is not int or bits not in WIDTHS:
        return refused(name, codes, f"GPTQ of {bits} bits is not unpacked")
    needed = [f"{base}.{part}" for part in ("qzeros", "scales")]
    missing = [each for each in needed if each not in tensors]
    if missing:
        return incomplete(name, codes, "stored as GPTQ codes", missing)
    needed += [f"{base}.g_idx"] if f"{base}.g_idx" in tensors else []
    parts = (codes, *(tensors[each] for each in needed))
    if isinstance(config.get("dynamic"), Mapping):
        bits = _bits(codes, parts[1]) or bits
    n_inputs = codes.shape[0] * WORD // bits if codes.shape else 0
    group = _group(n_inputs, parts[2], config)
    if not _fits(parts, bits, group):
        return misfit(name, parts)
    second = config.get("checkpoint_format") == "gptq_v2"
    tensor = GPTQTensor(
        name=f"{base}.weight",
        shape=(codes.shape[1], n_inputs),
        dtype=f"GPTQ int{bits}",
        location=codes.location,
        parts=parts,
        bits=bits,
        group=group,
        zero_offset=0 if second else 1,
    )
    return Recognised(tensor=tensor, codes=name, others=tuple(needed))


def _bits(codes: StoredTensor, zeros: StoredTensor) -> int:
    """Return the width that the zero of every output has; 0 where shapes tell none."""
    if len(codes.shape) != 2 or len(zeros.shape) != 2 or not codes.shape[1]:
        return 0
    bits, rest = divmod(zeros.shape[1] * WORD, codes.shape[1])
    return bits if not rest and bits in WIDTHS else 0


def _group(n_inputs: int, scales: StoredTensor, config: Mapping[str, Any]) -> int:
    """Return how many inputs share a scale: as the config says, or of this module as shapes do."""
    group = config.get("group_size")
    group = group if type(group) is int and group > 0 else max(1, n_inputs)
    n_groups = scales.shape[0] if scales.shape else 0
    if isinstance(config.get("dynamic"), Mapping) and n_groups and n_inputs % n_groups == 0:
        return n_inputs // n_groups
    return group


def _fits(parts: tuple[StoredTensor, ...], bits: int, group: int) -> bool:
    codes, zeros, scales, *order = parts
    if any(len(part.shape) != 2 for part in (codes, zeros, scales)):
        return False
    n_inputs, n_outputs = codes.shape[0] * WORD // bits, codes.shape[1]
    return bool(
        codes.dtype == zeros.dtype == "I32"
        and scales.dtype in ("F16", "BF16")
        and (order or scales.shape[0] == -(-n_inputs // group) > 0)
        and scales.shape == (zeros.shape[0], n_outputs)
        and zeros.shape[1] * WORD == n_outputs * bits
        and codes.shape[0] * WORD % bits == 0
        and all(part.shape == (n_inputs,) and part.dtype == "I32" for part in order)
    )


GPTQ = Scheme(name="gptq", summary="GPTQ integers of 2, 3, 4 or 8 bits", find=_find)
