"""Models that are in memory already: a module, a state dict, or what `torch.load` returned."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import FEWEST_BLOCKS, fingerprint_of_values
from ngpt_inspect.formats.pickles.torch_calls import TENSOR_DTYPES, PickledParts
from ngpt_inspect.formats.torch.state_dict import (
    NotWeights,
    Way,
    find_state_dicts,
    model_tensors,
    settings,
)
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.places import MEMORY
from ngpt_inspect.stored import Contents, Held, StoredTensor, row_range
from ngpt_inspect.wording import quoted, shown

FORMAT = "in memory"
DEEPEST = 4
"""Dicts in dicts in which tensors are looked for."""
CONFIGS = ("config", "cfg", "params", "args", "model_args", "hparams")
"""Attributes under which a module keeps its settings."""
GATHER = "gather it first: torch.distributed.checkpoint.state_dict with full_state_dict=True"


@dataclass(frozen=True, kw_only=True)
class MemoryTensor(StoredTensor):
    """A tensor of somebody else: looked at, never copied as a whole, never written to."""

    held: torch.Tensor = field(repr=False)

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Return rows start..stop as a view; from a GPU as a copy of just them.

        Unlike what comes from a file, the memory is that of the model.
        """
        first, shape = row_range(self.shape, start, stop)
        rows = self.held[first : first + shape[0]] if shape else self.held
        return rows.cpu().contiguous()

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of its bytes; see `StoredTensor.fingerprint`."""
        if not self.held.is_contiguous():
            return ""
        flat = self.held.reshape(-1).view(torch.uint8)
        return fingerprint_of_values(
            self, n_blocks, lambda at, n: bytes(flat[at : at + n].cpu().numpy())
        )


def is_in_memory(source: object) -> bool:
    """Tell a model or a dict of tensors from what names a file."""
    return isinstance(source, Mapping) or hasattr(source, "state_dict")


def read_memory(source: Any) -> Contents:
    """Return the tensors of a module or a dict; the dict may hold them deeper, as a file does.

    A module's settings (``config`` of it, or of what it wraps) are kept as ``config``.

    Raises
    ------
    UnreadableFile
        It holds no tensors by name, or some that have no values here.
    """
    kind = "state dict" if isinstance(source, Mapping) else type(source).__name__
    where = f"{MEMORY}{kind}"
    value = _inert(source, where)
    try:
        found = find_state_dicts(value)
    except NotWeights as error:
        raise UnreadableFile(
            shown(str(error), 400), where=where, next_step="give a module, or its state_dict()"
        ) from error
    parts = {name: partial(_part, way) for name, way in found.items()}
    tensors, config = next(iter(parts.values()))()
    return Contents(
        source=where,
        format=FORMAT,
        tensors=tensors,
        config={**_settings_of(source), **config},
        fingerprint=_fingerprint(tensors),
        parts=parts if len(parts) > 1 else {},
    )


def _part(way: Way) -> Held:
    state_dict, _ = way[-1]
    return model_tensors(state_dict), settings(way, _scalar)


def _scalar(tensor: Any) -> Any:
    return tensor.held.item() if tensor.n_values == 1 else None


def _inert(value: Any, where: str, name: str = "", depth: int = 0) -> Any:
    """Return dicts with every tensor in them named, of the modules their state dicts.

    Arrays of NumPy are taken as tensors of the same memory.
    """
    if depth < DEEPEST and hasattr(value, "state_dict") and hasattr(value, "named_modules"):
        value = value.state_dict()
    if isinstance(value, Mapping) and depth < DEEPEST:
        return {
            key: _inert(inner, where, key if isinstance(key, str) else "", depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple) and any(isinstance(x, torch.Tensor) for x in value):
        return [_inert(inner, where, name, depth + 1) for inner in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        value = torch.as_tensor(value)
    if not hasattr(value, "data_ptr"):
        return value
    if not type(value).__module__.startswith("torchao."):
        return _tensor(value, where, name)
    parts = {
        key: _tensor(part, where, PickledParts.name_of(key, name))
        for key, part in vars(value).items()
        if hasattr(part, "data_ptr")
    }
    return PickledParts(kind=type(value).__name__, parts=parts)


def _tensor(value: Any, where: str, name: str) -> MemoryTensor:
    value = value.detach()
    if hasattr(value, "placements"):
        whole = value.device_mesh.size() == 1 or all(p.is_replicate() for p in value.placements)
        if not whole:
            raise _without_values(where, name, "a shard of one rank (DTensor)", GATHER)
        value = value.to_local()
    dtype = TENSOR_DTYPES.get(str(value.dtype).removeprefix("torch."))
    if value.is_meta:
        raise _without_values(where, name, "on the meta device", "load its weights first")
    if value.layout is not torch.strided or dtype is None:
        kind = f"{value.layout} of {value.dtype}"
        raise _without_values(where, name, kind, "give it dense, in a float dtype")
    return MemoryTensor(
        name=name,
        shape=tuple(value.shape),
        dtype=dtype,
        location=(where, value.data_ptr() or id(value)),
        held=value,
    )


def _without_values(where: str, name: str, what: str, next_step: str) -> UnreadableFile:
    return UnreadableFile(
        f"tensor {quoted(name)} is {what}: it has no values to read here",
        where=where,
        next_step=next_step,
    )


def _settings_of(source: Any) -> dict[str, Any]:
    """Return what a module says of itself: its class, sizes all its parts agree on, its config.

    Of a dict it is the first module in it.
    """
    if isinstance(source, Mapping):
        source = next((each for each in source.values() if hasattr(each, "named_modules")), None)
    if not hasattr(source, "named_modules"):
        return {}
    modules = [module for _, module in source.named_modules()]
    said = next(filter(None, (_mapping(each) for each in _configs(modules))), {})
    inner = next((type(m).__name__ for m in modules if any(map(_mapping, _configs([m])))), "")
    named = {"architectures": [inner or type(source).__name__]}
    return {"config": {**named, **_agreed(modules), **said}}


def _configs(modules: list[Any]) -> Iterator[Any]:
    for module in modules:
        yield from (getattr(module, name, None) for name in CONFIGS)


def _mapping(config: Any) -> dict[str, Any]:
    """Return the plain values of a config of any kind; nothing of what is none."""
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    elif dataclasses.is_dataclass(config) and not isinstance(config, type):
        config = vars(config)
    elif not isinstance(config, Mapping):
        config = vars(config) if type(config).__name__.endswith(("Namespace", "Config")) else {}
    return {str(key): each for key, each in config.items() if _is_plain(each)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bool | int | float)


def _agreed(modules: list[Any]) -> dict[str, int]:
    """Return whole numbers that modules keep as attributes, where all that have one agree."""
    found: dict[str, set[int]] = {}
    for module in modules:
        for name, value in vars(module).items():
            if type(value) is int and not name.startswith("_"):
                found.setdefault(name, set()).add(value)
    return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}


def _fingerprint(tensors: Mapping[str, StoredTensor]) -> str:
    digests = [f"{name} {each.fingerprint(FEWEST_BLOCKS)}" for name, each in tensors.items()]
    return sha256("\n".join(digests).encode(errors="replace")).hexdigest()
