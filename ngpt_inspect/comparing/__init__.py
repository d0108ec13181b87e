"""What became of one checkpoint in another, weight by weight: angles, sizes, directions."""

from ngpt_inspect.comparing._between import changes, rows_after
from ngpt_inspect.comparing._quantities import CHANGES, QUANTITIES

__all__ = ["CHANGES", "QUANTITIES", "changes", "rows_after"]
