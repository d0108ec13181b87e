"""Which of the things in a torch file are the model, and what the others are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ngpt_inspect.formats._plain import (
    MOST_OF_FILE,
    MOST_SEEN,
    Budget,
    NotPlain,
    Scalar,
    describe,
    key_text,
    plain,
)
from ngpt_inspect.formats._records import Record
from ngpt_inspect.formats._torch_calls import PickledTensor

WRAPPERS = ("model", "state_dict", "model_state_dict", "net", "module", "ema")
"""Keys under which training scripts keep the state dict, most usual first."""
DEEPEST = 3
SAVE_STATE_DICT = "load it where it was made and save model.state_dict() instead"


class NotWeights(Exception):
    """The file holds something else than named tensors; the message says what."""


def find_state_dict(value: Any) -> list[tuple[Mapping[Any, Any], str]]:
    """Return the dicts on the way to the tensors, each with the key followed; "" for the last.

    Raises
    ------
    NotWeights
        There is no dict of tensors; says what there is.
    """
    found = _find(value, 0)
    if found is None:
        raise NotWeights(_what_instead(value))
    return found


def _find(value: Any, depth: int) -> list[tuple[Mapping[Any, Any], str]] | None:
    if not isinstance(value, dict) or depth > DEEPEST:
        return None
    for key in WRAPPERS:
        inner = _find(value.get(key), depth + 1)
        if inner is not None:
            return [(value, key), *inner]
    return [(value, "")] if model_tensors(value) else None


def model_tensors(state_dict: Mapping[Any, Any]) -> dict[str, PickledTensor]:
    """Return the named tensors of a state dict."""
    return {
        name: tensor
        for name, tensor in state_dict.items()
        if isinstance(name, str) and isinstance(tensor, PickledTensor)
    }


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


def settings(way: list[tuple[Mapping[Any, Any], str]], scalar: Scalar) -> dict[str, Any]:
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
            if key in tensors or name in config or (followed and key == followed):
                continue
            try:
                if name.startswith("optim"):
                    raise NotPlain
                config[name] = plain(value, scalar, kept)
            except NotPlain:
                left_out[name] = describe(value, described)
    return {**config, "left_out": left_out} if left_out else config
