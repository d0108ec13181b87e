"""From bytes to a tensor or an array of its own memory."""

from __future__ import annotations

from collections.abc import Callable

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.wording import shown, sizes

TORCH_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
}
"""torch's names of the dtypes whose items are whole bytes."""
ARRAYS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""What NumPy reads of these dtypes; of BF16 the upper halves of float32."""
E2M1 = tuple(sign * each for sign in (1, -1) for each in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0))
"""The values of F4 by code (OCP Microscaling Formats, version 1.0, section 5.3.3)."""


def torch_dtype(dtype: str, where: str) -> torch.dtype:
    """Return torch's dtype for one of ours.

    Raises
    ------
    UnreadableFile
        Six-bit items, whose order in a byte no document fixes, or a torch too old.
    """
    if dtype not in TORCH_NAMES:
        raise UnreadableFile(
            f"stored as {dtype}, whose packing the safetensors format does not define",
            where=where,
            next_step="convert it to BF16 or F32",
        )
    found = getattr(torch, TORCH_NAMES[dtype], None)
    if not isinstance(found, torch.dtype):
        raise UnreadableFile(
            f"torch {torch.__version__} has no dtype for {dtype}",
            where=where,
            next_step="install a newer torch",
        )
    return found


def tensor_of(
    dtype: str,
    shape: tuple[int, ...],
    n_items: int,
    fill: Callable[[memoryview], None],
    where: str,
    stride: tuple[int, ...] | None = None,
) -> torch.Tensor:
    """Allocate, fill and shape a tensor.

    Parameters
    ----------
    dtype, shape
        Of the result. Callers have checked both against the file.
    n_items
        Items of the span in the file: the product of `shape`, unless strided.
    fill
        Writes the span into the memory it is given. Not called for an empty span.
    where
        File and tensor, for errors.
    stride
        In items. None: C order.
    """
    if dtype == "F4":
        codes = tensor_of("U8", (n_items // 2,), n_items // 2, fill, where)
        return unpack_halves(codes, torch.tensor(E2M1, dtype=torch.float16)).reshape(shape)
    kind = torch_dtype(dtype, where)
    try:
        flat = torch.empty(n_items * kind.itemsize, dtype=torch.uint8)
        if n_items:
            fill(flat.numpy().data)
        typed = flat.view(kind)
        if stride is None:
            return typed.reshape(shape)
        return typed.as_strided(shape, stride).clone(memory_format=torch.contiguous_format)
    except RuntimeError as error:
        raise UnreadableFile(
            f"torch cannot hold shape {sizes(shape)} ({shown(str(error))})",
            where=where,
            next_step="check how it was saved",
        ) from error


def array_of(
    dtype: str,
    shape: tuple[int, ...],
    n_items: int,
    fill: Callable[[memoryview], None],
    where: str,
    stride: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Allocate, fill and shape an array of one of `ARRAYS`, as `tensor_of`; torch is not needed."""
    flat: np.ndarray = np.empty(n_items, ARRAYS[dtype])
    if n_items:
        fill(flat.view(np.uint8).data)
    if dtype == "BF16":
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    if stride is None:
        return flat.reshape(shape)
    steps = [step * flat.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(flat, shape, steps).copy()


def unpack_halves(codes: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return the level of every half byte, the lower half first: (..., n) codes give (..., 2 n)."""
    halves = torch.stack((codes & 0xF, codes >> 4), dim=-1)
    return levels[halves.reshape(*codes.shape[:-1], -1).int()]
