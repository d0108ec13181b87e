"""`numpy`, later."""

from typing import TYPE_CHECKING

from ngpt_inspect.later import Later

if TYPE_CHECKING:
    import numpy as np
else:
    np = Later("numpy")

__all__ = ["np"]
