"""A pickle read as data: nothing is imported, nothing is called.

Python's unpickler is a small machine that imports and calls what the file names. This one runs
the same instructions, but a global stays a name (`Global`), an object stays a record of its
class name and state (`Record`), and a call is handed to a function of ours that knows the few
calls torch and NumPy make, and refuses every other.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MOST_INSTRUCTIONS = 3_000_000
"""Some 70,000 tensors; a few seconds."""


class PickleFault(Exception):
    """The pickle is damaged, or asks for something that is not data."""


@dataclass(frozen=True, order=True)
class Global:
    """The name of something importable, never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Record:
    """An object of any class: its name and its data."""

    kind: Global
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    """Of a subclass of list or set."""
    entries: dict[Any, Any] = field(default_factory=dict)
    """Of a subclass of dict."""


Call = Callable[[Global, tuple[Any, ...]], Any]
Lookup = Callable[[Any], Any]


def load(data: bytes, call: Call, persistent: Lookup) -> Any:
    """Run the instructions of a pickle (protocols 2 to 5) and return what they build.

    Parameters
    ----------
    data
        The pickle.
    call
        Given the callable's name and its arguments, returns the result or raises PickleFault.
    persistent
        Given a persistent id, returns the object kept outside the pickle.

    Raises
    ------
    PickleFault
        Damaged, too long, or `call` refused.
    """
    machine = _Machine(call, persistent)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count == MOST_INSTRUCTIONS:
                msg = f"it has more than {MOST_INSTRUCTIONS} instructions"
                raise PickleFault(msg)
            machine.step(opcode.name, argument)
        return machine.result()
    except (ValueError, LookupError, TypeError, OverflowError, EOFError, struct.error) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        msg = f"it is damaged ({detail})"
        raise PickleFault(msg) from error


class _Machine:
    def __init__(self, call: Call, persistent: Lookup) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        """The stacks under each open mark."""
        self.memo: dict[int, Any] = {}
        self.call = call
        self.persistent = persistent

    def step(self, opcode: str, argument: Any) -> None:
        if opcode in _LITERALS:
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in _NEW:
            self.stack.append(_NEW[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        elif opcode not in _NOTHING:
            msg = f"it uses the instruction {opcode}, which weights never need"
            raise PickleFault(msg)

    def result(self) -> Any:
        (value,) = self.stack
        return value

    def marked(self) -> list[Any]:
        """Close the innermost mark and return what was stacked since."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.marked()

    def pop_mark(self, _: Any) -> None:
        self.marked()

    def tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) != count:
            raise IndexError
        self.stack[-count:] = [items]

    def marked_tuple(self, _: Any) -> None:
        items = tuple(self.marked())
        self.stack.append(items)

    def frozenset(self, _: Any) -> None:
        items = frozenset(_key(item) for item in self.marked())
        self.stack.append(items)

    def append(self, _: Any) -> None:
        self.extend([self.stack.pop()])

    def appends(self, _: Any) -> None:
        self.extend(self.marked())

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(_key(item) for item in items)
        elif isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Record):
            target.items.extend(items)
        else:
            raise TypeError

    def set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.update([key, value])

    def set_items(self, _: Any) -> None:
        self.update(self.marked())

    def update(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        target = target.entries if isinstance(target, Record) else target
        if not isinstance(target, dict):
            raise TypeError
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[_key(key)] = value

    def global_(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Global(module, name))

    def stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError
        self.stack.append(Global(module, name))

    def new_object(self, _: Any) -> None:
        args, kind = self.stack.pop(), self.stack.pop()
        if not isinstance(kind, Global) or not isinstance(args, tuple):
            raise TypeError
        self.stack.append(Record(kind, args))

    def new_object_with_keywords(self, _: Any) -> None:
        keywords = self.stack.pop()
        self.new_object(None)
        self.stack[-1].state = keywords

    def reduce(self, _: Any) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global) or not isinstance(args, tuple):
            raise TypeError
        self.stack.append(self.call(function, args))

    def build(self, _: Any) -> None:
        """Keep the state of an object; on anything else it is an attribute nobody reads."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state

    def persistent_id(self, _: Any) -> None:
        self.stack.append(self.persistent(self.stack.pop()))


def _key(value: Any) -> Any:
    """Return a value that is cheap and safe to hash, or refuse it.

    Nested tuples would hash recursively in C, and huge integers can be made to collide.
    """
    parts = value if isinstance(value, tuple) else (value,)
    if len(parts) > 16:
        raise TypeError("a long tuple as a dictionary key")
    for part in parts:
        if isinstance(part, int) and part.bit_length() > 64:
            raise TypeError("a huge integer as a dictionary key")
        if not isinstance(part, str | bytes | int | float | None | Global | Record):
            msg = f"a {type(part).__name__} as a dictionary key"
            raise TypeError(msg)
    return value


_LITERALS = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_NEW: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_NOTHING = frozenset({"PROTO", "FRAME", "STOP"})
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "TUPLE": _Machine.marked_tuple,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "FROZENSET": _Machine.frozenset,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "ADDITEMS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "NEWOBJ": _Machine.new_object,
    "NEWOBJ_EX": _Machine.new_object_with_keywords,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent_id,
}
