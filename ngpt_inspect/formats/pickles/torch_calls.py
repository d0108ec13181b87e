"""The calls torch makes in a pickle, answered with inert data.

With `PYTHON_CALLS` the whole allow-list: whatever else a file would call is refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from ngpt_inspect.formats._values import TORCH_NAMES
from ngpt_inspect.formats.pickles.python_calls import PYTHON_CALLS, same
from ngpt_inspect.formats.pickles.records import Global, PickleFault, Record

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
TENSOR_DTYPES = {torch_name: dtype for dtype, torch_name in TORCH_NAMES.items()}
MOST_ARGUMENTS = 64
MOST_AXES = 64


@dataclass(frozen=True, kw_only=True)
class PickledStorage:
    """One flat run of items kept in its own entry of the archive."""

    key: str
    dtype: str
    n_items: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PickledTensor:
    """A tensor as torch pickles it: a view of a storage, in items."""

    storage: PickledStorage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    part_of: tuple[int, ...] | None = None
    """Of a DTensor of which one rank has saved its shard: the shape of the whole."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PickledParts:
    """A tensor that torchao keeps as several, by the names of its attributes."""

    kind: str
    """Its class."""
    parts: dict[str, Any]
    """As pickled, or as they are in memory."""

    @staticmethod
    def name_of(part: str, of: str) -> str:
        """Return the name that torchao gives a part in safetensors: ``q_proj._weight_scale``."""
        module, dot, leaf = of.rpartition(".")
        return f"{module}{dot}_{leaf}_{part}"


def storage_of(identifier: Any) -> PickledStorage:
    """Answer a persistent id: ``("storage", type, key, device, number of items)``.

    Raises
    ------
    PickleFault
        It is anything else, or a storage type without a dtype of ours.
    """
    match identifier:
        case ("storage", Global() as kind, str(key), _, n_items, *_) if are_sizes((n_items,)):
            if kind.name not in STORAGE_DTYPES or kind.module.partition(".")[0] != "torch":
                raise PickleFault(f"it stores values as {kind}, which is not supported")
            return PickledStorage(key=key, dtype=STORAGE_DTYPES[kind.name], n_items=n_items)
    raise PickleFault("it is damaged (not a storage)")


def answer(function: Global, args: tuple[Any, ...]) -> Any:
    """Answer a call with data.

    Raises
    ------
    PickleFault
        The call is not one that weights need; the message names it.
    """
    if function not in CALLS:
        raise PickleFault(f"it calls {function} when loaded, which could run any code")
    if len(args) > MOST_ARGUMENTS:
        raise PickleFault(f"it is damaged ({len(args)} arguments to {function})")
    return CALLS[function](*args)


def _tensor(
    storage: Any, offset: Any, shape: Any, stride: Any, dtype: str | None = None
) -> PickledTensor:
    if not isinstance(storage, PickledStorage):
        raise TypeError
    if not all(map(are_sizes, ((offset,), shape, stride))) or len(shape) != len(stride):
        raise ValueError("a tensor with impossible sizes")
    return PickledTensor(
        storage=storage, dtype=dtype or storage.dtype, offset=offset, shape=shape, stride=stride
    )


def are_sizes(value: Any) -> TypeGuard[tuple[int, ...]]:
    """Tell what can be a shape, or other numbers of items."""
    return (
        isinstance(value, tuple)
        and len(value) <= MOST_AXES
        and all(type(item) is int and 0 <= item < 2**63 for item in value)
    )


def _tensor_v2(
    storage: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, bits: Any = None
) -> PickledTensor:
    if bits:
        raise PickleFault("it holds a lazily conjugated or negated tensor")
    return _tensor(storage, offset, shape, stride)


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> PickledTensor:
    if not isinstance(dtype, Global):
        raise TypeError
    if dtype.name not in TENSOR_DTYPES:
        raise PickleFault(f"it holds a tensor of dtype {dtype}, which is not supported")
    return _tensor(storage, offset, shape, stride, TENSOR_DTYPES[dtype.name])


def _parameter(data: Any, *_: Any) -> PickledTensor | PickledParts:
    if not isinstance(data, PickledTensor | PickledParts):
        raise TypeError
    return data


def _with_attributes(
    function: Any, kind: Any, args: Any, state: Any
) -> PickledTensor | PickledParts:
    """Answer for a tensor that carried Python attributes: they are not weights."""
    if not isinstance(function, Global) or not isinstance(args, tuple):
        raise TypeError
    if function == WRAPPER and isinstance(kind, Global) and _is_dtensor(kind):
        return _dtensor(args, state)
    if function == WRAPPER and isinstance(kind, Global) and kind.module.startswith("torchao."):
        found = _attributes(state).items()
        tensors = {k: v for k, v in found if isinstance(k, str) and isinstance(v, PickledTensor)}
        return PickledParts(kind=kind.name, parts=tensors)
    if function not in TENSOR_CALLS:
        raise PickleFault(f"it calls {function} when loaded, which could run any code")
    return _parameter(answer(function, args))


def _is_dtensor(kind: Global) -> bool:
    return kind.name == "DTensor" and kind.module.startswith("torch.distributed.")


def _dtensor(args: tuple[Any, ...], state: Any) -> PickledTensor:
    """Answer for a DTensor with what its rank held: all of it, or a shard."""
    _, _, shape, *_ = args
    local, spec = (_attributes(state).get(name) for name in ("_local_tensor", "_spec"))
    if not isinstance(local, PickledTensor) or not isinstance(spec, Record) or not are_sizes(shape):
        raise TypeError
    placements = _attributes(spec.state).get("placements")
    if not isinstance(placements, tuple) or not all(isinstance(p, Record) for p in placements):
        raise TypeError
    summed = any(each.kind.name not in ("Shard", "Replicate") for each in placements)
    return replace(local, part_of=shape if summed or shape != local.shape else None)


def _attributes(state: Any) -> dict[Any, Any]:
    """Return the attributes of an object, of which some may be slots."""
    found: dict[Any, Any] = {}
    for each in state if isinstance(state, tuple) else (state,):
        found |= each if isinstance(each, dict) else {}
    return found


def _device(*parts: Any) -> Any:
    return parts if len(parts) > 1 else parts[0]


WRAPPER = Global("torch._utils", "_rebuild_wrapper_subclass")
TENSOR_CALLS: dict[Global, Callable[..., PickledTensor | PickledParts]] = {
    Global("torch._utils", "_rebuild_tensor"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
    Global("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter,
}
CALLS: dict[Global, Callable[..., Any]] = {
    **PYTHON_CALLS,
    **TENSOR_CALLS,
    Global("torch._tensor", "_rebuild_from_type_v2"): _with_attributes,
    Global("torch.serialization", "_get_layout"): same,
    Global("torch", "Size"): same,
    Global("deepspeed.runtime.zero.config", "ZeroStageEnum"): same,
    Global("torch", "device"): _device,
}
