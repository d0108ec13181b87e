"""What a checkpoint holds, before anyone knows what it means.

Formats make these; architectures read them. Neither knows the other.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.resolution import Spacing

DTYPES_BY_BITS = {
    64: ("F64", "C64", "I64", "U64"),
    32: ("F32", "I32", "U32"),
    16: ("F16", "BF16", "I16", "U16"),
    8: ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "I8", "U8", "BOOL"),
    6: ("F6_E2M3", "F6_E3M2"),
    4: ("F4",),
}
ITEM_BITS = {name: bits for bits, names in DTYPES_BY_BITS.items() for name in names}
"""Bits of one item, by the dtype names of the safetensors format, which we use throughout."""

FLOATS = {
    "F64": Spacing(2.0**-52, 2.0**-1022),
    "F32": Spacing(2.0**-23, 2.0**-126),
    "F16": Spacing(2.0**-10, 2.0**-14),
    "BF16": Spacing(2.0**-7, 2.0**-126),
    "F8_E4M3": Spacing(2.0**-3, 2.0**-6),
    "F8_E5M2": Spacing(2.0**-2, 2.0**-14),
    "F8_E4M3FNUZ": Spacing(2.0**-3, 2.0**-7),
    "F8_E5M2FNUZ": Spacing(2.0**-2, 2.0**-15),
}
"""Dtypes whose values are the weights themselves. Integers are codes of a quantisation."""

BLOCK = 1 << 22
"""Values of `StoredTensor.blocks`."""
Rows = Callable[[int, "int | None"], "torch.Tensor"]
"""Computes rows start..stop."""


@dataclass(frozen=True, kw_only=True)
class StoredTensor(ABC):
    """One tensor in a file: its header now, its values on request."""

    name: str
    """The name in the file, unchanged."""
    shape: tuple[int, ...]
    dtype: str
    """As stored: a key of `ITEM_BITS`, or the name of a quantisation (``MXFP4``)."""
    location: tuple[str, int]
    """File and byte offset of the first value. Tied tensors share it."""

    @abstractmethod
    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Return rows start..stop (first axis; all by default) in the stored dtype, on the CPU.

        What torch has no arithmetic for comes in the narrowest dtype that holds it exactly.

        Returns a tensor of its own memory: nothing stays mapped, peak memory follows what
        was asked for.

        Raises
        ------
        UnreadableFile
            The file changed or ended early, or torch has no such dtype.
        """

    def array(self) -> np.ndarray:
        """Return the values as NumPy has them: exact, in the stored dtype or in float32.

        Formats whose bytes NumPy reads too do without torch.

        Raises
        ------
        UnreadableFile
            As `read`.
        """
        return as_array(self.read())

    @property
    def n_values(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Bytes in the file."""
        return self.n_values * ITEM_BITS[self.dtype] // 8

    @property
    def obstacle(self) -> str:
        """Why the values are not those of the model; empty when they are."""
        if self.dtype in FLOATS:
            return ""
        return f"stored as {self.dtype}, not as floating-point numbers"

    @property
    def note(self) -> str:
        """How the values come about, where they are not simply stored."""
        return ""

    def fingerprint(self, n_blocks: int) -> str:
        """Return what names the values: a digest of dtype, shape and blocks of their bytes.

        Equal values in the same dtype have the same digest whatever file they are in. Different
        digests prove different bytes; equal ones prove equal bytes where the blocks cover all of
        them. Empty where the bytes are not those of the values in their order (compressed,
        strided), or would have to travel.

        Raises
        ------
        UnreadableFile
            As `read`.
        """
        return ""

    def rounding(self) -> float | None:
        """Return the root mean square rounding error of storage, over that of the values.

        None: what the stored dtype alone tells. May read the tensor.
        """
        return None

    @property
    def spacing(self) -> Spacing:
        """How far apart values of its dtype are: of float64 where they are computed."""
        return FLOATS[self.dtype if self.errors is None else "F64"]

    @property
    def errors(self) -> StoredTensor | None:
        """The root mean square rounding error of each value, to be read as the values are.

        None: what the stored dtype alone tells.
        """
        return None

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield start and stop of rows that hold a few million values, from the first to the last.

        For what only a sum over all values is wanted of.
        """
        rows = max(1, BLOCK * self.shape[0] // max(1, self.n_values))
        for start in range(0, self.shape[0] if self.n_values else 0, rows):
            yield start, min(start + rows, self.shape[0])

    def computed(self, rows: Rows) -> ComputedTensor:
        """Return values that are computed of this tensor, one for one."""
        return ComputedTensor(
            name=self.name, shape=self.shape, dtype=self.dtype, location=self.location, rows=rows
        )


@dataclass(frozen=True, kw_only=True)
class ComputedTensor(StoredTensor):
    """A value for each of a tensor's, as its errors."""

    rows: Rows

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Compute rows start..stop; see `StoredTensor.read`."""
        return self.rows(start, stop)


def row_range(shape: tuple[int, ...], start: int, stop: int | None) -> tuple[int, tuple[int, ...]]:
    """Return the first row and the shape of rows start..stop.

    Raises
    ------
    IndexError
        The rows are not there: a mistake of the caller.
    """
    if not shape:
        if (start, stop) in ((0, None), (0, 1)):
            return 0, ()
        raise IndexError(f"rows {start}:{stop} of a scalar")
    stop = shape[0] if stop is None else stop
    if not 0 <= start <= stop <= shape[0]:
        raise IndexError(f"rows {start}:{stop} of {shape[0]}")
    return start, (stop - start, *shape[1:])


def as_array(values: torch.Tensor) -> np.ndarray:
    """Return values as NumPy has them: exact, in their dtype or in float32."""
    found: np.ndarray = (values if values.dtype.itemsize > 2 else values.float()).numpy()
    return found


def one_digest(digests: Iterable[str]) -> str:
    """Return the digest of several; empty where one of them is."""
    found = list(digests)
    return sha256(" ".join(found).encode()).hexdigest() if all(found) else ""


Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change in nanoseconds of each file of a checkpoint."""
ADAPTER = "adapter"
"""The part of an adapter that is what it adds: a few weights of a model, not a model."""
Held = tuple[Mapping[str, StoredTensor], Mapping[str, Any]]
"""The tensors of one set of weights, and the settings beside it."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Named tensors and everything else a checkpoint says of itself."""

    source: str
    """What was opened, as an absolute path or URI; nothing in it is secret."""
    format: str
    """Name of the format that read it."""
    tensors: Mapping[str, StoredTensor]
    """By name; where prefixes tell several sets of weights apart, without that of this one."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Plain values by where they came from: `config` (config.json), `model_args`, `iter_num`,
    any metadata value that is JSON (`reference_model`), ... Never code, never live objects."""
    fingerprint: str = ""
    """SHA-256 over the size and evenly spread blocks of each file: names the exact weights."""
    stamp: Stamp = ()
    """State of its files when they were opened; nothing of an address, or of what is in memory."""
    address: str = ""
    """What opens it again, where that is not `source`: a URI with a signed query."""
    parts: Mapping[str, Callable[[], Held]] = field(default_factory=dict)
    """Every set of weights by name, where the checkpoint holds several; else nothing."""
    part: str = ""
    """Which of them was read."""

    def lookup(self, path: str) -> Any | None:
        """Return the config value at a dotted path (``model_args.n_head``), or None.

        A number in the path counts in a list: ``mlp_blocks.0.add_bias``.
        """
        value: Any = self.config
        for key in path.split("."):
            if isinstance(value, list | tuple) and key.isdecimal():
                value = dict(enumerate(value)).get(int(key))
            elif isinstance(value, Mapping):
                value = value.get(key)
            else:
                return None
        return value

    @cached_property
    def homes(self) -> tuple[str, ...]:
        """The dotted paths where model settings are kept here, in order of trust."""
        return tuple(home for home in CONFIG_HOMES if isinstance(self.lookup(home), Mapping))

    def find(self, *keys: str) -> tuple[Any, str] | None:
        """Return the first of these settings in any home, with its dotted path."""
        for home in self.homes:
            for key in keys:
                value = self.lookup(f"{home}.{key}")
                if value is not None:
                    return value, f"{home}.{key}"
        return None


CONFIG_HOMES = (
    "reference_model.config",
    "model_args",
    # Of a model that also sees or hears, what is said of its language model goes before.
    *(f"config.{inner}" for inner in ("text_config", "llm_config", "language_config")),
    *(f"config.{outer}.text_config" for outer in ("vlm_config", "thinker_config")),
    # Of a model of bytes, the transformer over its patches.
    "config.global_config",
    "config",
    "config.decoder",
    "config.model",
    "config.model.block.attention",
    "args",
    "config_json",
    "model_config",
    "litgpt",
    "hparams",
    # Lightning, and what its modules are given; Meta and Mistral; nanochat.
    "hyper_parameters",
    "hyper_parameters.config",
    "hyper_parameters.model_args",
    "params",
    "meta.model_config",
)


_NUMBER = re.compile(r"(?:^|\.)\d+(?=\.|$)")


def by_prefix(names: Iterable[str], deepest: int) -> dict[str, list[str]]:
    """Return names by the prefixes of so many words, at most, that stand before any number."""
    found: dict[str, list[str]] = {}
    for stem, same in _by_stem(names).items():
        words = stem.split(".")[:deepest] if stem else []
        for depth in range(1, len(words) + 1):
            found.setdefault(".".join(words[:depth]), []).extend(same)
    return found


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Return names by what stands before their first number, or without one their last word."""
    found: dict[str, list[str]] = {}
    for name in names:
        number = _NUMBER.search(name)
        stem = name.rpartition(".")[0] if number is None else name[: number.start()]
        found.setdefault(stem, []).append(name)
    return found
