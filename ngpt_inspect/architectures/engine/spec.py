"""Declarations as JSON: a layout of one's own, in the vocabulary of the built-in ones."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from ngpt_inspect.architectures.engine.architecture import Architecture, Constant, Product, Rule
from ngpt_inspect.architectures.engine.sense import faults
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.vocabulary import MatrixAxis, Role

HELP = "docs/specs.md describes the language"
LARGEST = 1 << 22
"""Bytes of a file; a declaration takes a few thousand."""

Spec = str | PathLike[str] | Mapping[str, Any]
Made = TypeVar("Made")
NAME = 100
"""Characters of a name that a message quotes."""
OVERLONG = re.compile(rf"\S{{{NAME + 1},}}")


class _Wrong(ValueError):
    """A value that cannot be meant; the message begins with its key."""


def read_spec(spec: Spec) -> dict[str, Any]:
    """Return a declaration as the plain mapping it is, from a file or as it comes.

    Raises
    ------
    WrongOption
        There is no such file, or it is not a JSON object.
    """
    if isinstance(spec, Mapping):
        return dict(spec)
    path = Path(spec)
    try:
        if path.stat().st_size > LARGEST:
            raise WrongOption("is too large for a declaration", where=str(path), next_step=HELP)
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongOption(
            f"cannot be read ({error.strerror})", where=str(path), next_step="check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise WrongOption(f"is not JSON ({error})", where=str(path), next_step=HELP) from error
    if not isinstance(found, dict):
        raise WrongOption("is not a JSON object", where=str(path), next_step=HELP)
    return found


def declared(spec: Mapping[str, Any], where: str = "spec") -> Architecture:
    """Return the architecture a mapping declares.

    `title` and `source` may be left out; everything else that a built-in declaration must say
    must be said.

    Raises
    ------
    WrongOption
        A key does not exist or is missing, or a value cannot be meant; the message names the
        key and says what is allowed.
    """
    name = spec.get("name")
    plain = {"title": name, "source": "a declaration of the user", **spec}
    try:
        architecture = _made(Architecture, plain, "")
    except _Wrong as error:
        raise WrongOption(_bounded(str(error)), where=where, next_step=HELP) from error
    for fault in faults(architecture):
        raise WrongOption(_bounded(fault), where=where, next_step=HELP)
    return architecture


def _bounded(text: str) -> str:
    """Return a message in which names of any length are cut to one that can be read."""
    return OVERLONG.sub(lambda found: found[0][:NAME] + "...", text)


def as_spec(architecture: Architecture) -> dict[str, Any]:
    """Return a declaration as JSON-ready values, without what is left at its default."""
    found: dict[str, Any] = _plain(architecture)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        said = {each.name: getattr(value, each.name) for each in fields(value)}
        return {
            each.name: _plain(said[each.name])
            for each in fields(value)
            if said[each.name] != _default(each)
        }
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, StrEnum):
        return str(value)
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def _default(each: Field[Any]) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


def _made(kind: type[Made], said: Any, at: str) -> Made:
    """Return a declaration from what is said of it, every key known and none missing."""
    if not isinstance(said, Mapping):
        raise _Wrong(f"{at or 'the whole'} is not an object")
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    prefix = f"{at}." if at else ""
    for key in said:
        if key not in known:
            raise _Wrong(f"{prefix}{key} does not exist; there are {', '.join(known)}")
    for name, each in known.items():
        if name not in said and _default(each) is MISSING:
            raise _Wrong(f"{prefix}{name} is missing")
    return kind(
        **{key: _READ[str(known[key].type)](v, f"{prefix}{key}") for key, v in said.items()}
    )


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"{at} is {reprlib.repr(value)}, not text in quotes")
    return value


def _flag(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"{at} is {reprlib.repr(value)}, not true or false")
    return value


def _one_of(kind: type[StrEnum]) -> Callable[[Any, str], Any]:
    def read(value: Any, at: str) -> StrEnum:
        if value not in list(kind):
            raise _Wrong(f"{at} is {reprlib.repr(value)}, not one of {', '.join(kind)}")
        return kind(value)

    return read


def _list(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def read_list(value: Any, at: str) -> tuple[Any, ...]:
        if isinstance(value, str) or not isinstance(value, Iterable) or isinstance(value, Mapping):
            raise _Wrong(f"{at} is {reprlib.repr(value)}, not a list")
        return tuple(read(item, f"{at}[{place}]") for place, item in enumerate(value))

    return read_list


def _mapping(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def read_mapping(value: Any, at: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _Wrong(f"{at} is {reprlib.repr(value)}, not an object")
        return {key: read(inner, f"{at}.{key}") for key, inner in value.items()}

    return read_mapping


def _or_none(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, at: None if value is None else read(value, at)


_READ: dict[str, Callable[[Any, str], Any]] = {
    "str": _text,
    "str | None": _or_none(_text),
    "bool": _flag,
    "Role": _one_of(Role),
    "MatrixAxis | None": _or_none(_one_of(MatrixAxis)),
    "tuple[str, ...] | None": _or_none(_list(_text)),
    "tuple[str, ...]": _list(_text),
    "Mapping[str, str]": _mapping(_text),
    "Mapping[str, tuple[str, ...]]": _mapping(_list(_text)),
    "tuple[Rule, ...]": _list(lambda value, at: _made(Rule, value, at)),
    "tuple[str, str]": _list(_text),
    "tuple[Product, ...]": _list(lambda value, at: _made(Product, value, at)),
    "tuple[Constant, ...]": _list(lambda value, at: _made(Constant, value, at)),
}
"""How each type of a declaration's fields is read."""
