"""`pandas`, later."""

from typing import TYPE_CHECKING

from ngpt_inspect.later import Later

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = Later("pandas")

__all__ = ["pd"]
