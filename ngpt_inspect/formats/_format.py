"""The contract of this room: a format turns bytes on disk into named tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ngpt_inspect.stored import Contents


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way of keeping tensors on disk.

    `accepts` looks at names and the first bytes only and never raises; `read` parses headers
    and reads no tensor values.
    """

    name: str
    summary: str
    accepts: Callable[[Path], bool]
    read: Callable[[Path], Contents]
