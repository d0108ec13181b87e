"""JSON from strangers: bounded, no duplicate keys, one line of error."""

import json
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.places import Place
from ngpt_inspect.wording import quoted, shown

LARGEST = 100_000_000
"""Bytes; the limit the safetensors format sets for its header."""


def parse_object(text: bytes, what: str, where: str, next_step: str) -> dict[str, Any]:
    """Parse UTF-8 JSON that must be an object.

    Parameters
    ----------
    text
        The bytes.
    what
        What it is, for errors: "the header".
    where, next_step
        Of the error.

    Raises
    ------
    UnreadableFile
        Not UTF-8, not JSON, nested too deeply, a repeated key, or not an object.
    """

    def refuse(fault: str) -> UnreadableFile:
        return UnreadableFile(f"{what} {fault}", where=where, next_step=next_step)

    try:
        value = json.loads(text.decode(), object_pairs_hook=_unique)
    except RecursionError as error:
        raise refuse("is nested too deeply") from error
    except ValueError as error:
        raise refuse(f"is not valid JSON ({shown(str(error))})") from error
    if not isinstance(value, dict):
        raise refuse("is not a JSON object")
    return value


def read_object(place: Place, what: str, next_step: str) -> dict[str, Any]:
    """Read a JSON file that must hold an object.

    Raises
    ------
    UnreadableFile
        As for `parse_object`, or the file is larger than `LARGEST`.
    """
    file = open_bytes(place)
    if file.size > LARGEST:
        raise file.refuse(f"{what} is larger than {LARGEST} bytes", next_step)
    return parse_object(file.read(0, file.size), what, file.where, next_step)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {quoted(repeated)} comes twice")
    return found
