"""From what a pickle held to plain values: numbers, text, lists and dicts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.formats.pickles.python_calls import ARRAY, BYTES, PATH
from ngpt_inspect.formats.pickles.records import Global, Record
from ngpt_inspect.formats.pickles.torch_calls import PickledTensor
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.wording import listed, shown, sizes

MOST_VALUES = 10_000
"""Of one setting."""
MOST_OF_FILE = 100_000
"""Values kept of all settings together."""
MOST_SEEN = 200_000
"""Values looked at to describe what is not kept."""
DEEPEST = 20
LONGEST_TEXT = 10_000
LONGEST_INTEGER = 1024
"""Bits."""

TENSORS = (PickledTensor, StoredTensor)
"""As pickled, or as they are in memory."""
Scalar = Callable[[Any], float | int | bool | None]
"""Reads the value of a tensor that holds one, or returns None."""


class NotPlain(Exception):
    """A value that is too large, too deep, or holds arrays: described instead of kept."""


@dataclass
class Budget:
    """How much more of a file may be looked at: it could name one long list very often."""

    left: int

    def spend(self, cost: int = 1) -> bool:
        """Take a cost off; tell whether that much was left."""
        self.left -= cost
        return self.left >= 0


def plain(value: Any, scalar: Scalar, budget: Budget) -> Any:
    """Return the value as plain data.

    Objects become dicts of their state, sets and tuples lists, long text is cut, and a tensor
    of one value becomes that number.

    Parameters
    ----------
    value
        What a pickle held.
    scalar
        Reads the value of a tensor that holds one.
    budget
        Values that may still be kept of the file, less those kept now.

    Raises
    ------
    NotPlain
        It cannot be kept.
    """
    mine = Budget(MOST_VALUES)

    def convert(item: Any, depth: int) -> Any:
        cost = 1 + len(item[:LONGEST_TEXT]) // 100 if isinstance(item, str) else 1
        if depth > DEEPEST or not mine.spend(cost) or not budget.spend(cost):
            raise NotPlain
        if isinstance(item, Record):
            item = _contents(item)
        if isinstance(item, dict):
            return {key_text(key): convert(entry, depth + 1) for key, entry in item.items()}
        if isinstance(item, list | tuple | set | frozenset):
            return [convert(entry, depth + 1) for entry in item]
        return _single(item, scalar)

    return convert(value, 0)


def _single(item: Any, scalar: Scalar) -> Any:
    if item is None or isinstance(item, bool | float):
        return item
    if isinstance(item, int) and item.bit_length() <= LONGEST_INTEGER:
        return item
    if isinstance(item, str):
        cut = f"... ({len(item)} characters)"
        return item if len(item) <= LONGEST_TEXT else item[:LONGEST_TEXT] + cut
    if isinstance(item, Global):
        return shown(str(item))
    value = scalar(item) if isinstance(item, TENSORS) else None
    if value is None:
        raise NotPlain
    return value


def key_text(key: Any) -> str:
    """Return a dictionary key as text, cut when very long."""
    return (key if isinstance(key, str) else str(key))[:LONGEST_TEXT]


def _contents(record: Record) -> Any:
    """Return the data of an object: its attributes, or else what it contains."""
    if record.kind == BYTES or record.kind.module.partition(".")[0] == "numpy":
        raise NotPlain
    if record.kind == PATH:
        return _joined(record.args)
    state = record.state
    if isinstance(state, tuple) and len(state) == 2:  # (attributes, slots)
        state = {**_dict(state[0]), **_dict(state[1])}
    return _dict(state) or record.entries or record.items or record.args or str(record.kind)


def _joined(parts: tuple[Any, ...]) -> str:
    if any(not isinstance(part, str) or len(part) > LONGEST_TEXT for part in parts):
        raise NotPlain
    return "/".join(parts)


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def describe(value: Any, budget: Budget) -> str:
    """Say in a few words what a value is, for a list of what was left out.

    The budget is of values that may still be looked at in the file.
    """
    arrays = sum(1 for item in _walk(value, budget) if _is_array(item))
    count = f"{arrays}" if budget.left > 0 else f"at least {arrays}"
    inside = f", tensors or arrays inside: {count}" if arrays else ""
    if isinstance(value, dict):
        return f"a dict of {listed(map(key_text, value), len(value)) or 'nothing'}{inside}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"a {type(value).__name__} of length {len(value)}{inside}"
    if isinstance(value, TENSORS):
        return f"a tensor of shape {sizes(value.shape)}"
    if isinstance(value, Record):
        return "bytes" if value.kind == BYTES else f"an object of class {shown(str(value.kind))}"
    return f"a value of type {type(value).__name__}"


def _walk(value: Any, budget: Budget) -> Iterator[Any]:
    """Yield the value and everything inside it, each object once, while the budget lasts."""
    seen: set[int] = set()
    waiting = [iter((value,))]
    while waiting:
        item = next(waiting[-1], waiting)  # the stack itself marks the end
        if item is waiting:
            waiting.pop()
            continue
        if not budget.spend():
            return
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        waiting.append(_inside(item))


def _inside(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        return iter(item.values())
    if isinstance(item, list | tuple | set | frozenset):
        return iter(item)
    if isinstance(item, Record):
        return iter((item.state, item.items, item.entries, item.args))
    return iter(())


def _is_array(item: Any) -> bool:
    return isinstance(item, TENSORS) or (isinstance(item, Record) and item.kind == ARRAY)
