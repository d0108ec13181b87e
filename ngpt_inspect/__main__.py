"""``python -m ngpt_inspect``."""

from ngpt_inspect.cli import main

main()
