"""`torch`, later."""

from typing import TYPE_CHECKING

from ngpt_inspect.later import Later

if TYPE_CHECKING:
    import torch
else:
    torch = Later("torch")

__all__ = ["torch"]
