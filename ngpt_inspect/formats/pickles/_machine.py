"""The stack machine behind a pickle, without the power to import or call."""

from collections.abc import Callable
from typing import Any, ClassVar

from ngpt_inspect.formats.pickles.records import Global, PickleFault, Record, hashable

Call = Callable[[Global, tuple[Any, ...]], Any]
"""Answers a call, by the name of what is called and its arguments."""
Lookup = Callable[[Any], Any]
"""Finds what is kept outside the pickle, by its persistent id."""


class Machine:
    """Runs the instructions that `pickletools` documents.

    The method of an instruction is ``do_`` and its name.
    """

    actions: ClassVar[dict[str, Callable[..., None] | None]] = {}
    """The instructions that weights need; None for those that stack their own argument."""

    def __init__(self, call: Call, persistent: Lookup) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        """The stacks under each open mark."""
        self.memo: dict[int, Any] = {}
        self.call = call
        self.persistent = persistent

    def step(self, opcode: str, argument: Any) -> None:
        """Run one instruction that is among `actions`."""
        action = self.actions[opcode]
        if action is None:
            self.stack.append(argument)
        elif argument is None:
            action(self)
        else:
            action(self, argument)

    def marked(self) -> list[Any]:
        """Close the innermost mark and return what was stacked since."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def extend(self, items: list[Any]) -> None:
        """Add items to the list or set on top of the stack."""
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(hashable(item) for item in items)
        else:
            target = target.items if isinstance(target, Record) else target
            _expect(target, list).extend(items)

    def update(self, pairs: list[Any]) -> None:
        """Set keys and values, by turns, in the dict on top of the stack."""
        target = self.stack[-1]
        target = _expect(target.entries if isinstance(target, Record) else target, dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[hashable(key)] = value

    def do_proto(self, version: int) -> None:
        if version > 5:
            raise PickleFault(f"it is of pickle protocol {version}")

    def do_frame(self, _size: int) -> None:
        pass

    def do_stop(self) -> None:
        pass

    def do_mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def do_pop(self) -> None:
        self.stack.pop()

    def do_pop_mark(self) -> None:
        self.marked()

    def do_binput(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    do_long_binput = do_binput

    def do_memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_binget(self, index: int) -> None:
        self.stack.append(self.memo[index])

    do_long_binget = do_binget

    def do_tuple(self) -> None:
        items = tuple(self.marked())
        self.stack.append(items)

    def do_tuple1(self) -> None:
        self.stack.append((self.stack.pop(),))

    def do_tuple2(self) -> None:
        second, first = self.stack.pop(), self.stack.pop()
        self.stack.append((first, second))

    def do_tuple3(self) -> None:
        third, second, first = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append((first, second, third))

    def do_frozenset(self) -> None:
        items = frozenset(hashable(item) for item in self.marked())
        self.stack.append(items)

    def do_append(self) -> None:
        self.extend([self.stack.pop()])

    def do_appends(self) -> None:
        self.extend(self.marked())

    do_additems = do_appends

    def do_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.update([key, value])

    def do_setitems(self) -> None:
        self.update(self.marked())

    def do_global(self, path: tuple[str, str]) -> None:
        self.stack.append(Global(*path))

    def do_stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Global(_expect(module, str), _expect(name, str)))

    def do_newobj(self) -> None:
        args, kind = self.stack.pop(), self.stack.pop()
        self.stack.append(Record(_expect(kind, Global), _expect(args, tuple)))

    def do_newobj_ex(self) -> None:
        keywords = self.stack.pop()
        self.do_newobj()
        self.stack[-1].state = keywords

    def do_reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self.call(_expect(function, Global), _expect(args, tuple)))

    def do_build(self) -> None:
        """Keep the state of an object; on anything else it is an attribute nobody reads."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Record):
            self.stack[-1].state = state

    def do_binpersid(self) -> None:
        self.stack.append(self.persistent(self.stack.pop()))


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _stacks(make: Callable[[], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.stack.append(make())


CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "EMPTY_TUPLE": tuple,
}
LITERALS = (
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
Machine.actions |= dict.fromkeys(LITERALS)
Machine.actions |= {name: _stacks(make) for name, make in CONSTANTS.items()}
Machine.actions |= {
    name.removeprefix("do_").upper(): method
    for name, method in vars(Machine).items()
    if name.startswith("do_")
}
