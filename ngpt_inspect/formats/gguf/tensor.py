"""A tensor of a GGUF file: stored as it is, or in blocks that the gguf library decodes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint_in
from ngpt_inspect.formats._values import tensor_of
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import ITEM_BITS, StoredTensor, row_range
from ngpt_inspect.wording import quoted

SHARED, FEWER = 32, 16
"""Values that share a scale in most types, and in a few."""
SHARED_BY_FEWER = ("Q2_K", "Q3_K", "Q6_K", "NVFP4")


@dataclass(frozen=True, kw_only=True)
class GGUFTensor(StoredTensor):
    """Rows of whole blocks, in C order."""

    file: ByteFile
    type: int
    """Number of the type in ggml."""
    block: tuple[int, int]
    """Values and bytes of a block."""
    pairs_of: int = 0
    """Rows of a head whose halves were interleaved for rotary embeddings; 0: none were."""

    @property
    def n_bytes(self) -> int:
        """Bytes in the file."""
        return self.n_values // self.block[0] * self.block[1]

    @property
    def obstacle(self) -> str:
        """None for blocks: they are decoded."""
        return super().obstacle if self.dtype in ITEM_BITS else ""

    @property
    def note(self) -> str:
        """Whether rows are given in another order than they are stored."""
        return "rows of each head put back in the order of Hugging Face" if self.pairs_of else ""

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`. Blocks come as float32.

        Raises
        ------
        UnreadableFile
            As there, or the gguf library cannot decode the type.
        """
        first, shape = row_range(self.shape, start, stop)
        if not self.pairs_of or not shape[0]:
            return self._rows(first, shape)
        # Row 2 j + t of a stored head is row t k/2 + j of the model's (t = 0, 1).
        k = self.pairs_of
        head, last = first // k, -(-(first + shape[0]) // k)
        stored = self._rows(head * k, ((last - head) * k, *self.shape[1:]))
        halves = stored.reshape(last - head, k // 2, 2, *self.shape[1:]).transpose(1, 2)
        skipped = first - head * k
        return halves.reshape(stored.shape)[skipped : skipped + shape[0]].clone()

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of its bytes; see `StoredTensor.fingerprint`."""
        order = f" pairs of {self.pairs_of}" if self.pairs_of else ""
        return fingerprint_in(self.file, self.location[1], self, n_blocks, order)

    def _rows(self, first: int, shape: tuple[int, ...]) -> torch.Tensor:
        n_values, n_bytes = self.block
        offset = self.location[1] + first * math.prod(self.shape[1:]) // n_values * n_bytes
        where = f"{self.file.where}: tensor {quoted(self.name)}"

        def fill(buffer: memoryview) -> None:
            self.file.read_into(buffer, offset)

        if self.dtype in ITEM_BITS:
            return tensor_of(self.dtype, shape, math.prod(shape), fill, where)
        packed = math.prod(shape) // n_values * n_bytes
        if not packed:
            return torch.empty(shape)
        blocks = tensor_of("U8", (packed // n_bytes, n_bytes), packed, fill, where)
        return self._decode(blocks, where).reshape(shape)

    def _decode(self, blocks: torch.Tensor, where: str) -> torch.Tensor:
        from gguf import GGMLQuantizationType, quants

        try:
            with np.errstate(all="ignore"):  # what is not finite is found by whoever measures
                values = quants.dequantize(blocks.numpy(), GGMLQuantizationType(self.type))
        except NotImplementedError:
            raise UnreadableFile(
                f"stored as {self.dtype}, which the gguf library does not decode",
                where=where,
                next_step="convert it with llama-quantize to another type",
            ) from None
        return torch.from_numpy(values)

    def rounding(self) -> float | None:
        """Root mean square of `errors` over that of the values."""
        errors = self.errors
        if errors is None:
            return None
        squares, lost = 0.0, 0.0
        for start, stop in self.blocks():
            squares += float(self.read(start, stop).double().square().sum())
            lost += float(errors.read(start, stop).double().square().sum())
        return math.sqrt(lost / squares) if squares else math.inf

    @property
    def errors(self) -> StoredTensor | None:
        """Estimate what quantisation left: the step of a group is its range over its levels.

        The types of ggml place their levels in different ways; this takes them as evenly spread
        over the range of the values that share a scale, which is so for most.
        """
        if self.dtype in ITEM_BITS:
            return None
        return self.computed(self._errors)

    def _errors(self, start: int, stop: int | None) -> torch.Tensor:
        bits = int(re.findall(r"\d", self.dtype)[0])
        levels = 3 if self.dtype.startswith("TQ") else 2**bits
        shared = FEWER if self.dtype in SHARED_BY_FEWER else SHARED
        values = self.read(start, stop)
        groups = values.reshape(-1, min(shared, max(1, values.numel())))
        steps = (groups.amax(1) - groups.amin(1)) / ((levels - 1) * math.sqrt(12))
        return steps.unsqueeze(1).expand_as(groups).reshape(values.shape)
