"""One safetensors file, read by byte range."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ngpt_inspect.formats._fingerprint import fingerprint, fingerprint_in
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats._values import ARRAYS, array_of, tensor_of
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.formats.places.strict_json import LARGEST
from ngpt_inspect.formats.safetensors.header import Entry, read_header
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.places import Place
from ngpt_inspect.stored import ITEM_BITS, Contents, Held, StoredTensor, row_range
from ngpt_inspect.wording import quoted

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class SafetensorsTensor(StoredTensor):
    """A tensor in a safetensors file: C order, little-endian."""

    file: ByteFile

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`."""
        first, shape = row_range(self.shape, start, stop)
        row_bits = math.prod(self.shape[1:]) * ITEM_BITS[self.dtype]
        if row_bits % 8 and shape != self.shape:
            return self.read()[first : first + shape[0]].clone()  # rows that share bytes
        return self._made(tensor_of, shape, first * row_bits // 8)

    def array(self) -> np.ndarray:
        """Return the values without torch where NumPy reads them; see `StoredTensor.array`."""
        return self._made(array_of, self.shape, 0) if self.dtype in ARRAYS else super().array()

    def _made(self, make: Callable[..., Made], shape: tuple[int, ...], skipped: int) -> Made:
        offset = self.location[1] + skipped
        return make(
            self.dtype,
            shape,
            math.prod(shape),
            lambda buffer: self.file.read_into(buffer, offset),
            f"{self.file.where}: tensor {quoted(self.name)}",
        )

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of its bytes; see `StoredTensor.fingerprint`."""
        return fingerprint_in(self.file, self.location[1], self, n_blocks)


def read_file(place: Place) -> Held:
    """Return the tensors of one file, and what its metadata say.

    Raises
    ------
    UnreadableFile
        The header is not to be believed.
    """
    file = open_bytes(place)
    header = read_header(file)

    def stored(entry: Entry) -> StoredTensor:
        return SafetensorsTensor(
            name=entry.name,
            shape=entry.shape,
            dtype=entry.dtype,
            location=(file.where, header.data_start + entry.begin),
            file=file,
        )

    return {entry.name: stored(entry) for entry in header.entries}, _decoded(header.metadata)


def _decoded(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Turn `__metadata__` into config: JSON objects by their key, the rest under ``metadata``."""
    config: dict[str, Any] = {}
    plain: dict[str, str] = {}
    for key, text in metadata.items():
        value = _json_object(text)
        if value is None or key == "metadata":
            plain[key] = text
        else:
            config[key] = value
    return {**config, "metadata": plain} if plain else config


def _json_object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _accepts(place: Place, head: bytes) -> bool:
    """Tell by the brace that opens the header, and by a name or a header size that agrees."""
    fits = int.from_bytes(head[:8], "little") <= LARGEST
    return head[8:9] == b"{" and (fits or place.suffix == ".safetensors")


def _read(place: Place) -> Contents:
    tensors, config = read_file(place)
    return Contents(
        source=str(place),
        format=SAFETENSORS.name,
        tensors=tensors,
        config=config,
        fingerprint=fingerprint([place]),
    )


SAFETENSORS = Format(
    name="safetensors",
    summary="one .safetensors file",
    accepts=_accepts,
    read=_read,
)
