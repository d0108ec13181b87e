"""What a trace says of itself, checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.errors import UnreadableFile

VERSION = 2
"""Of the files that are written now. The first had nothing of attention."""
FAMILIES = ("GPT", "nGPT")
LARGEST_STEP = 2**63


@dataclass(frozen=True, kw_only=True)
class Description:
    """The metadata of a trace."""

    family: str
    checkpoint: str
    """Label of the model's checkpoint."""
    step: int | None
    config: Mapping[str, Any]
    tokens: tuple[str, ...]
    """Text of each of the token ids."""
    predictions: Mapping[int, str]
    """Text of each predicted id, as far as it is known."""
    writer: str
    parallel: bool = False
    """Whether the two blocks of a layer run side by side: the state between them is made up."""


def described(raw: Any, refuse: Callable[..., UnreadableFile]) -> Description:
    """Return the metadata of a trace.

    Raises
    ------
    UnreadableFile
        A key is missing, unknown, or not what it should be.
    """
    if not isinstance(raw, dict):
        raise refuse("says nothing of itself: its metadata is not a JSON object")
    version = raw.get("format_version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise refuse(
            f"is a trace of format version {version!r:.20}, and this reads 1 to {VERSION}",
            "update ngpt-inspect, or write the trace again",
        )
    for key, (fits, meaning) in FIELDS.items():
        if key not in raw:
            raise refuse(f"its metadata lacks {key!r}")
        if not fits(raw[key]):
            raise refuse(f"{key!r} in its metadata is not {meaning}")
    return Description(
        family=raw["family"],
        checkpoint=raw["checkpoint"],
        step=raw["step"],
        config=raw["config"],
        tokens=tuple(raw["tokens"]),
        predictions={int(key): text for key, text in raw["predictions"].items()},
        writer=raw["writer"],
        parallel=raw.get("parallel") is True,
    )


def _is_step(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < LARGEST_STEP)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_texts_by_id(value: Any) -> bool:
    return isinstance(value, dict) and all(
        key.isascii() and key.isdecimal() and len(key) < 19 and isinstance(text, str)
        for key, text in value.items()
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "family": (lambda value: value in FAMILIES, "GPT or nGPT"),
    "checkpoint": (_is_name, "a short text"),
    "step": (_is_step, "null or a whole number from 0"),
    "config": (lambda value: isinstance(value, dict), "a JSON object"),
    "tokens": (_is_texts, "a list of texts"),
    "predictions": (_is_texts_by_id, "an object of texts by id"),
    "writer": (lambda value: isinstance(value, str), "a text"),
}
"""Key -> a test, and what it asks for. Further keys are a writer's own and are passed over."""
