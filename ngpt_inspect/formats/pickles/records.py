"""What a pickle holds once nothing in it can run: names, records and plain values."""

from dataclasses import dataclass, field
from typing import Any

LONGEST_KEY = 16
"""Items of a tuple used as a dictionary key."""
LONGEST_KEY_TEXT = 10_000
"""Characters of a text used as one."""


class PickleFault(Exception):
    """The pickle is damaged, or asks for something that is not data."""


@dataclass(frozen=True)
class Global:
    """The name of something importable, never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False)
class Record:
    """An object of any class: its name, which is all that is ever printed, and its data."""

    kind: Global
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    """Of a subclass of list or set."""
    entries: dict[Any, Any] = field(default_factory=dict)
    """Of a subclass of dict."""

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def hashable(value: Any) -> Any:
    """Return a value that is cheap and safe to use as a key.

    Nested tuples would hash recursively in C, long ones again at every use, huge integers
    can be made to collide, and long equal texts are compared at every use.

    Raises
    ------
    TypeError
        It is none of the kinds that settings use as keys.
    """
    parts = value if isinstance(value, tuple) else (value,)
    if len(parts) > LONGEST_KEY:
        raise TypeError(f"a tuple of {len(parts)} items as a key")
    for part in parts:
        if not isinstance(part, str | bytes | int | float | None | Global | Record):
            raise TypeError(f"a {type(part).__name__} as a key")
        if isinstance(part, int) and part.bit_length() > 64:
            raise TypeError("a huge integer as a key")
        if isinstance(part, str | bytes) and len(part) > LONGEST_KEY_TEXT:
            raise TypeError(f"a text of {len(part)} characters as a key")
    return value
