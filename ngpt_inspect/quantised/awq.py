"""4-bit integers in groups, packed along the outputs: AWQ (arXiv 2306.00978), GEMM version.

``NAME.qweight`` (in, out / 8), ``NAME.qzeros`` (groups, out / 8), ``NAME.scales`` (groups, out).
Of eight outputs a word holds, from its lowest bits, numbers 0, 2, 4, 6, 1, 3, 5, 7.
W[o, i] = scales[g, o] (q[i, o] - z[g, o]) with g the group of input i.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ngpt_inspect.later.torch import torch
from ngpt_inspect.quantised._config import quantisation
from ngpt_inspect.quantised._scheme import Recognised, Scheme, incomplete, misfit, refused
from ngpt_inspect.quantised._tensor import QuantisedTensor
from ngpt_inspect.quantised._words import WORD, unpack
from ngpt_inspect.stored import Contents, StoredTensor

BITS = 4
PER_WORD = WORD // BITS
PLACES = (0, 4, 1, 5, 2, 6, 3, 7)
"""Where in its word each of eight outputs is."""
UNUSUAL = "AWQ of another width than 4 bits, or packed for another kernel than GEMM"


@dataclass(frozen=True, kw_only=True)
class AWQTensor(QuantisedTensor):
    """See the module."""

    def decode(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode rows; see `QuantisedTensor.decode`. The whole is read: rows are columns here."""
        words, zero_words, scales = (part.read() for part in self.parts)
        places = torch.arange(self.shape[0]).reshape(-1, PER_WORD)[:, list(PLACES)].flatten()
        places = places[start:stop]
        codes, zeros = (unpack(each, BITS, 1)[:, places] for each in (words, zero_words))
        scales = scales[:, start:stop].float()
        groups = torch.arange(self.shape[1]) * len(scales) // self.shape[1]
        return (scales[groups] * (codes - zeros[groups])).T, scales[groups].abs().T


def _find(contents: Contents) -> Iterator[Recognised]:
    config = quantisation(contents)
    if config.get("quant_method") != "awq":
        return
    usual = config.get("bits") == BITS and str(config.get("version", "gemm")).lower() == "gemm"
    for name, codes in contents.tensors.items():
        if name.endswith(".qweight"):
            yield _awq(name, codes, contents.tensors) if usual else refused(name, codes, UNUSUAL)


def _awq(name: str, codes: StoredTensor, tensors: Mapping[str, StoredTensor]) -> Recognised:
    base = name.removesuffix(".qweight")
    needed = (f"{base}.qzeros", f"{base}.scales")
    missing = [each for each in needed if each not in tensors]
    if missing:
        return incomplete(name, codes, "stored as AWQ codes", missing)
    parts = (codes, *(tensors[each] for each in needed))
    if not _fits(*parts):
        return misfit(name, parts)
    tensor = AWQTensor(
        name=f"{base}.weight",
        shape=(codes.shape[1] * PER_WORD, codes.shape[0]),
        dtype="AWQ int4",
        location=codes.location,
        parts=parts,
    )
    return Recognised(tensor=tensor, codes=name, others=needed)


def _fits(codes: StoredTensor, zeros: StoredTensor, scales: StoredTensor) -> bool:
    if any(len(part.shape) != 2 or part.n_values == 0 for part in (codes, zeros, scales)):
        return False
    return (
        codes.dtype == zeros.dtype == "I32"
        and scales.dtype in ("F16", "BF16")
        and zeros.shape == (scales.shape[0], codes.shape[1])
        and scales.shape[1] == codes.shape[1] * PER_WORD
        and codes.shape[0] % scales.shape[0] == 0
    )


AWQ = Scheme(name="awq", summary="AWQ integers of 4 bits, as AutoAWQ packs them", find=_find)
