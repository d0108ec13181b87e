"""A file of torch.save while it is being listed: its pickle, and where each tensor lies."""

import math
import struct
from typing import Any

from ngpt_inspect.formats.pickles import inert_pickle
from ngpt_inspect.formats.pickles import torch_calls as _torch_calls
from ngpt_inspect.formats.pickles.records import PickleFault
from ngpt_inspect.formats.pickles.torch_calls import PickledTensor
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.formats.torch.archive import MOST_EXPANSION, Archive, ZipEntry
from ngpt_inspect.formats.torch.state_dict import SAVE_STATE_DICT
from ngpt_inspect.formats.torch.tensor import TorchTensor, span
from ngpt_inspect.stored import ITEM_BITS
from ngpt_inspect.wording import listed, quoted, shown, sizes

LARGEST_PICKLE = 64 * 1024 * 1024
"""Bytes. Names and shapes of some 300,000 tensors; values are kept elsewhere."""
FREE_PICKLE = 256 * 1024
"""Bytes a compressed pickle may grow to; or `MOST_EXPANSION` times its size, which none exceeds.
Each of them can cost hundreds: a record is an object here."""
LARGEST_PACKED_SCALAR = 4096
"""Bytes of a compressed storage from which a single value is read."""
RESAVE = (
    "if you trust it, load it with torch where it was made and save its state dict with safetensors"
)
SCALARS = {
    "F64": "d",
    "F32": "f",
    "F16": "e",
    "I64": "q",
    "I32": "i",
    "I16": "h",
    "U8": "B",
    "BOOL": "?",
}


class TorchFile:
    """One archive of torch.save.

    Raises
    ------
    UnreadableFile
        From every method: what is wrong with the file.
    """

    def __init__(self, file: ByteFile) -> None:
        self.refuse = file.refuse
        self.archive = Archive(file)
        self.prefix = self._find_prefix()
        self._entries: dict[str, ZipEntry] = {}

    def _find_prefix(self) -> str:
        names = self.archive.names
        found = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if any(name.endswith("/constants.pkl") for name in names):
            raise self.refuse("is a TorchScript archive, a program", SAVE_STATE_DICT)
        if len(found) != 1:
            numpy = any(name.endswith(".npy") for name in names)
            kind = "a NumPy .npz archive" if numpy else "a zip file"
            raise self.refuse(
                f"is {kind}, not a file of torch.save (it holds {listed(names) or 'nothing'})",
                "name a .safetensors file or a file written by torch.save",
            )
        return found[0].removesuffix("data.pkl")

    def unpickle(self, largest: int = LARGEST_PICKLE) -> Any:
        """Return what the file holds, as inert data; its pickle has at most `largest` bytes."""
        self._check_byte_order()
        entry = self.archive.entry(f"{self.prefix}data.pkl")
        if entry.n_packed is not None:
            largest = min(largest, max(FREE_PICKLE, MOST_EXPANSION * entry.n_packed))
        if entry.n_bytes > largest:
            raise self.refuse(f"its data.pkl has {entry.n_bytes} bytes, over {largest}", RESAVE)
        try:
            return inert_pickle.load(entry.read(), _torch_calls.answer, _torch_calls.storage_of)
        except PickleFault as fault:
            raise self.refuse(f"its pickle is refused: {shown(str(fault))}", RESAVE) from fault

    def _check_byte_order(self) -> None:
        name = f"{self.prefix}byteorder"
        if name in self.archive.names:
            entry = self.archive.entry(name)
            order = bytearray(min(16, entry.n_bytes))
            entry.read_into(memoryview(order))
            if order.strip() != b"little":
                raise self.refuse(
                    f"stores its values in byte order {quoted(order.decode('latin1'))}",
                    "save it again on a little-endian machine",
                )

    def tensor(self, name: str, pickled: PickledTensor) -> TorchTensor:
        """Check that a tensor lies within its storage, and the storage within the file."""
        if pickled.part_of is not None:
            raise self.refuse(
                f"holds DTensor shards of one rank: of {quoted(name)} {sizes(pickled.shape)}, "
                f"and the whole is {sizes(pickled.part_of)}",
                "save it with torch.distributed.checkpoint, or full_tensor() of each tensor",
            )
        entry = self._storage(pickled)
        item = ITEM_BITS[pickled.dtype] // 8
        offset = pickled.offset * item
        if offset + span(pickled.shape, pickled.stride) * item > entry.n_bytes:
            raise self.refuse(
                f"tensor {quoted(name)} reaches beyond its storage of {entry.n_bytes} bytes", RESAVE
            )
        return TorchTensor(
            name=name,
            shape=pickled.shape,
            dtype=pickled.dtype,
            location=entry.place(offset),
            entry=entry,
            offset=offset,
            stride=pickled.stride,
        )

    def _storage(self, pickled: PickledTensor) -> ZipEntry:
        storage = pickled.storage
        if storage.key not in self._entries:
            entry = self.archive.entry(f"{self.prefix}data/{storage.key}")
            self._entries[storage.key] = entry
        entry = self._entries[storage.key]
        if storage.n_items * ITEM_BITS[storage.dtype] // 8 > entry.n_bytes:
            raise self.refuse(
                f"its storage {quoted(storage.key)} has {entry.n_bytes} bytes, "
                f"not {storage.n_items} items of {storage.dtype}",
                RESAVE,
            )
        return entry

    def scalar(self, pickled: PickledTensor) -> float | int | bool | None:
        """Return the value of a one-value tensor such as a loss, or None.

        None as well where much would have to be decompressed for it.
        """
        if math.prod(pickled.shape) != 1 or pickled.dtype not in SCALARS or pickled.part_of:
            return None
        tensor = self.tensor("(beside the weights)", pickled)
        if tensor.entry.n_packed is not None and tensor.entry.n_bytes > LARGEST_PACKED_SCALAR:
            return None
        buffer = bytearray(ITEM_BITS[pickled.dtype] // 8)
        tensor.entry.read_into(memoryview(buffer), tensor.offset)
        (value,) = struct.unpack(f"<{SCALARS[pickled.dtype]}", buffer)
        return value  # type: ignore[no-any-return]
