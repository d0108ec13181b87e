"""The command line: what words mean, what is run, how it is shown."""

from ngpt_inspect.cli.commands import main

__all__ = ["main"]
