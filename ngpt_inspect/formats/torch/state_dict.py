"""Which of the things in a torch file are the model, and what the others are worth."""

from collections.abc import Iterator, Mapping
from typing import Any

from ngpt_inspect.formats.pickles.plain import (
    MOST_OF_FILE,
    MOST_SEEN,
    Budget,
    NotPlain,
    Scalar,
    describe,
    key_text,
    plain,
)
from ngpt_inspect.formats.pickles.records import Record
from ngpt_inspect.formats.pickles.torch_calls import PickledParts, PickledTensor
from ngpt_inspect.stored import ADAPTER, FLOATS, StoredTensor

WRAPPERS = ("model", "state_dict", "model_state_dict", "net", "module", "ema", ADAPTER)
"""Keys under which training scripts keep the state dict, most usual first."""
MODULE = ("weight", "W_q")
"""What the state dict of one module holds, as it is kept in a dict of dicts by module."""
MEGATRON = "language_model.embedding.word_embeddings.weight"
"""A name in checkpoints of Megatron-LM before its core."""
DEEPEST = 3
DEEPEST_MODULE = 8
MOST_LISTED = 8
"""Places of a list in which weights are looked for."""
Way = list[tuple[Mapping[Any, Any], str]]
"""The dicts on the way to tensors, each with the key followed; "" for the last."""
SAVE_STATE_DICT = "load it where it was made and save model.state_dict() instead"


class NotWeights(Exception):
    """The file holds something else than named tensors; the message says what."""


def find_state_dicts(value: Any) -> dict[str, Way]:
    """Return every set of weights by the keys that lead to it, the most usual first.

    Raises
    ------
    NotWeights
        There is no dict of tensors; says what there is.
    """
    ways = _ways(value, 0, set())
    found = {".".join(key for _, key in way if key): way for way in ways}
    if not found:
        raise NotWeights(_what_instead(value))
    return found


def _ways(value: Any, depth: int, seen: set[int]) -> Iterator[Way]:
    """Yield the ways to dicts of tensors: through keys that name a model, then through others.

    Of a list or a tuple the places are the keys. A dict that is there twice is looked into once:
    a file can say one a million times.
    """
    if not isinstance(value, dict | list | tuple) or depth > DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, dict) and _is_by_module(value, DEEPEST_MODULE, set()):
        yield [(dict(_joined(value, "", DEEPEST_MODULE, set())), "")]
        return
    is_named = isinstance(value, dict)
    if not isinstance(value, dict):
        value = {str(place): each for place, each in enumerate(value[:MOST_LISTED])}
    usual = [key for key in WRAPPERS if key in value]
    others = [key for key in value if isinstance(key, str) and key not in WRAPPERS]
    inner = False
    for key in (*usual, *others):
        for way in _ways(value[key], depth + 1, seen):
            if key in WRAPPERS or (not key.startswith("optim") and _has_matrix(way[-1][0])):
                inner = True
                yield [(value, key), *way]
    if is_named and not inner and model_tensors(value):
        yield [(value, "")]


def _is_by_module(value: Mapping[Any, Any], levels: int, seen: set[int]) -> bool:
    """Tell one model, kept as dicts of dicts by module, from dicts that are a model each."""
    seen.add(id(value))
    inner = _dicts(value)
    if not levels or any(key in WRAPPERS for key, _ in inner):
        return False
    return any(
        any(isinstance(each.get(leaf), PickledTensor | StoredTensor) for leaf in MODULE)
        or _is_by_module(each, levels - 1, seen)
        for _, each in inner
        if id(each) not in seen
    )


def _joined(
    value: Mapping[Any, Any], before: str, levels: int, seen: set[int]
) -> Iterator[tuple[str, Any]]:
    """Yield what dicts of dicts hold by whole names; a dict that is there twice once."""
    seen.add(id(value))
    inner = dict(_dicts(value))
    for key, each in value.items():
        if not isinstance(key, str):
            continue
        if key not in inner:
            yield before + key, each
        elif levels and id(each) not in seen:
            yield from _joined(each, f"{before}{key}.", levels - 1, seen)


def _dicts(value: Mapping[Any, Any]) -> list[tuple[str, Mapping[Any, Any]]]:
    return [
        (key, each)
        for key, each in value.items()
        if isinstance(key, str) and isinstance(each, dict) and not key.startswith("optim")
    ]


def _has_matrix(state_dict: Mapping[Any, Any]) -> bool:
    """Tell weights from what else is kept as tensors by name, as states of generators."""
    tensors = model_tensors(state_dict).values()
    return any(len(each.shape) > 1 and each.dtype in FLOATS for each in tensors)


def model_tensors(state_dict: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the named tensors of a state dict: as pickled, or as they are in memory.

    The parts of one that torchao keeps as several have the names that it gives them in safetensors.
    """
    found: dict[str, Any] = {}
    for name, tensor in state_dict.items():
        if isinstance(name, str) and isinstance(tensor, PickledTensor | StoredTensor):
            found[name] = tensor
        elif isinstance(name, str) and isinstance(tensor, PickledParts):
            found |= {tensor.name_of(key, name): part for key, part in tensor.parts.items()}
    return found


def _what_instead(value: Any) -> str:
    candidates = (
        [value, *(value.get(key) for key in WRAPPERS)] if isinstance(value, dict) else [value]
    )
    for candidate in candidates:
        if isinstance(candidate, Record):
            return (
                f"pickles a whole model, {describe(candidate, Budget(MOST_SEEN))}, not its weights"
            )
    return f"holds no tensors by name, but {describe(value, Budget(MOST_SEEN))}"


def settings(way: Way, scalar: Scalar) -> dict[str, Any]:
    """Return everything beside the tensors as plain values, outer dicts first.

    What cannot be kept (optimiser state, generator state, long lists) is described under
    ``left_out``.
    """
    config: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    kept, described = Budget(MOST_OF_FILE), Budget(MOST_SEEN)
    for holder, followed in way:
        tensors = model_tensors(holder) if not followed else {}
        for key, value in holder.items():
            name = key_text(key)
            if isinstance(value, PickledParts):
                config[name] = {"_type": value.kind}  # as torchao notes it in safetensors
            if key in tensors or name in config or (followed and key == followed):
                continue
            try:
                if name.startswith("optim"):
                    raise NotPlain
                config[name] = plain(value, scalar, kept)
            except NotPlain:
                left_out[name] = describe(value, described)
    if MEGATRON in tensors:
        config.setdefault("checkpoint_version", 0)  # as its own loader takes it
    return {**config, "left_out": left_out} if left_out else config
