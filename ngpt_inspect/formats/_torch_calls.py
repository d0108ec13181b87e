"""The calls torch and NumPy make in a pickle, each answered with inert data.

The allow-list of `_inert_pickle`: whatever is not in `CALLS` is refused by name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.formats._inert_pickle import Global, PickleFault, Record

STORAGE_DTYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "ComplexFloatStorage": "C64",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "UntypedStorage": "U8",
}
TENSOR_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "complex64": "C64",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
}


BYTES = Global("_codecs", "encode")
MOST_ARGUMENTS = 64


@dataclass(frozen=True, kw_only=True)
class StoredStorage:
    """One flat run of items kept in its own entry of the archive."""

    key: str
    dtype: str
    n_items: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PickledTensor:
    """A tensor as torch pickles it: a view of a storage. Sizes in items."""

    storage: StoredStorage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def storage_of(identifier: Any) -> StoredStorage:
    """Answer a persistent id: ``("storage", type, key, device, number of items)``.

    Raises
    ------
    PickleFault
        It is anything else, or a storage type without a dtype of ours.
    """
    match identifier:
        case ("storage", Global() as kind, str(key), _, int(n_items), *_) if n_items >= 0:
            if kind.name not in STORAGE_DTYPES or kind.module.partition(".")[0] != "torch":
                msg = f"it stores values as {kind}, which is not supported"
                raise PickleFault(msg)
            return StoredStorage(key=key, dtype=STORAGE_DTYPES[kind.name], n_items=n_items)
    msg = "it is damaged (not a storage)"
    raise PickleFault(msg)


def answer(function: Global, args: tuple[Any, ...]) -> Any:
    """Answer a call with data.

    Raises
    ------
    PickleFault
        The call is not one that weights need; the message names it.
    """
    if function not in CALLS:
        msg = f"it calls {function} when loaded, which could run any code"
        raise PickleFault(msg)
    if len(args) > MOST_ARGUMENTS:
        raise ValueError
    return CALLS[function](*args)


def _tensor(
    storage: Any, offset: Any, shape: Any, stride: Any, dtype: str | None = None
) -> PickledTensor:
    if not isinstance(storage, StoredStorage) or not _sizes(shape) or not _sizes(stride):
        raise TypeError
    if len(shape) != len(stride) or not _sizes((offset,)):
        raise ValueError
    return PickledTensor(
        storage=storage, dtype=dtype or storage.dtype, offset=offset, shape=shape, stride=stride
    )


def _sizes(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) <= 64
        and all(type(item) is int and 0 <= item < 2**63 for item in value)
    )


def _tensor_v2(
    storage: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, bits: Any = None
) -> PickledTensor:
    if bits:
        msg = "it holds a lazily conjugated or negated tensor"
        raise PickleFault(msg)
    return _tensor(storage, offset, shape, stride)


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> PickledTensor:
    if not isinstance(dtype, Global) or dtype.name not in TENSOR_DTYPES:
        msg = f"it holds a tensor of dtype {dtype}, which is not supported"
        raise PickleFault(msg)
    return _tensor(storage, offset, shape, stride, TENSOR_DTYPES[dtype.name])


def _parameter(data: Any, *_: Any) -> PickledTensor:
    if not isinstance(data, PickledTensor):
        raise TypeError
    return data


def _with_type(function: Any, _kind: Any, args: Any, _state: Any) -> PickledTensor:
    """Answer for a tensor that had Python attributes: they are not weights."""
    if not isinstance(function, Global) or not isinstance(args, tuple):
        raise TypeError
    if not function.module.startswith("torch._utils"):
        msg = f"it calls {function} when loaded, which could run any code"
        raise PickleFault(msg)
    return _parameter(answer(function, args))


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    if pairs:
        raise TypeError
    return {}


def _default_dict(_factory: Any = None) -> dict[Any, Any]:
    return {}


def _same(items: Any = ()) -> Any:
    """Answer for a set or a size: no copy, or a file could ask for very many."""
    return items


def _device(kind: Any, index: Any = None) -> Any:
    return kind if index is None else (kind, index)


def _path(*parts: Any) -> str:
    return "/".join(parts)


def _encode(text: Any, encoding: Any = None) -> Record:
    """Answer for the bytes of protocol 2, left as the text they come from (no copy)."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise TypeError
    return Record(BYTES, (text,))


def _array(*args: Any) -> Record:
    return Record(Global("numpy", "ndarray"), args)


def _array_type(*args: Any) -> Record:
    return Record(Global("numpy", "dtype"), args)


_SCALARS = {"f8": "d", "f4": "f", "f2": "e", "b1": "?", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
_SCALARS |= {f"u{code[1]}": kind.upper() for code, kind in _SCALARS.items() if code[0] == "i"}


def _scalar(kind: Any, data: Any) -> Any:
    """Return a NumPy scalar as a Python number; one of any other type stays a record."""
    code = kind.args[0] if isinstance(kind, Record) and kind.args else None
    if isinstance(data, Record) and data.kind == BYTES and len(data.args[0]) <= 16:
        data = data.args[0].encode("latin1")
    if isinstance(code, str) and code in _SCALARS and isinstance(data, bytes):
        (value,) = struct.unpack("<" + _SCALARS[code], data)
        return value
    return Record(Global("numpy", "generic"), (kind, data))


CALLS: dict[Global, Callable[..., Any]] = {
    Global("torch._utils", "_rebuild_tensor"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
    Global("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    Global("torch._tensor", "_rebuild_from_type_v2"): _with_type,
    Global("torch", "Size"): _same,
    Global("torch", "device"): _device,
    Global("collections", "OrderedDict"): _ordered,
    Global("collections", "defaultdict"): _default_dict,
    BYTES: _encode,
    **{
        Global(module, name): _same
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset")
    },
    **{
        Global(f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array),
        )
    },
    Global("numpy", "dtype"): _array_type,
    **{
        Global("pathlib", f"{pure}{system}Path"): _path
        for pure in ("", "Pure")
        for system in ("Posix", "Windows")
    },
}
