"""The contract of this room: a format turns bytes on disk into named tensors."""

from collections.abc import Callable
from dataclasses import dataclass

from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way of keeping tensors on disk.

    `accepts` tells by the place's name and the file's first bytes (none for a folder) and never
    raises; `read` parses headers and reads no tensor values.
    """

    name: str
    summary: str
    accepts: Callable[[Place, bytes], bool]
    read: Callable[[Place], Contents]
