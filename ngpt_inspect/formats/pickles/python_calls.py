"""The calls that Python's own classes and NumPy's make in a pickle, answered with inert data.

None copies what it is given: a file could repeat a call on one large value very often.
"""

import struct
from collections.abc import Callable
from typing import Any

from ngpt_inspect.formats.pickles.records import Global, Record

BYTES = Global("_codecs", "encode")
"""The record of bytes that protocol 2 writes as text; ``args[0]`` is the text."""
ARRAY = Global("numpy", "ndarray")
DTYPE = Global("numpy", "dtype")
PATH = Global("pathlib", "Path")
LONGEST_SCALAR = 16
"""Bytes."""

_SCALARS = {"f8": "d", "f4": "f", "f2": "e", "b1": "?", "i8": "q", "i4": "i", "i2": "h", "i1": "b"}
_SCALARS |= {f"u{code[1]}": kind.upper() for code, kind in _SCALARS.items() if code[0] == "i"}


def _empty_dict(*_: Any) -> dict[Any, Any]:
    """Answer for an OrderedDict or a defaultdict: its items follow the call."""
    return {}


def same(items: Any = ()) -> Any:
    """Answer for a set, a size, or a name with what it is of."""
    return items


def _encode(text: Any, encoding: Any) -> Record:
    if not isinstance(text, str) or encoding != "latin1":
        raise TypeError
    return Record(BYTES, (text,))


def _record_of(kind: Global) -> Callable[..., Record]:
    """Answer with a record of what was given."""
    return lambda *args: Record(kind, args)


def _scalar(kind: Any, data: Any) -> Any:
    """Return a NumPy number as Python's; anything else NumPy calls a scalar stays a record."""
    if isinstance(data, Record) and data.kind == BYTES and len(data.args[0]) <= LONGEST_SCALAR:
        data = data.args[0].encode("latin1")
    match kind:
        case Record(kind=Global("numpy", "dtype"), args=(str(code), *_)) if code in _SCALARS:
            return struct.unpack("<" + _SCALARS[code], data)[0]
    return Record(Global("numpy", "generic"), (kind, data))


PYTHON_CALLS: dict[Global, Callable[..., Any]] = {
    BYTES: _encode,
    DTYPE: _record_of(DTYPE),
    Global("collections", "OrderedDict"): _empty_dict,
    Global("collections", "defaultdict"): _empty_dict,
    **{
        Global(module, name): same
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset")
    },
    **{
        Global(f"numpy.{core}.{name}", function): answer
        for core in ("core", "_core")
        for name, function, answer in (
            ("multiarray", "_reconstruct", _record_of(ARRAY)),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _record_of(ARRAY)),
        )
    },
    **{
        Global("pathlib", f"{pure}{system}Path"): _record_of(PATH)
        for pure in ("", "Pure")
        for system in ("Posix", "Windows")
    },
}
