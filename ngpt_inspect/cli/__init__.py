"""The command line: what words mean, what is run, how it is shown."""

import atexit
import gc
import os
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C is one line also while its modules are being read."""
    _collect_seldom()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed: `>&-`
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - while it lives
    try:
        from ngpt_inspect.cli.commands import narrowed
        from ngpt_inspect.numerics.cores import wait_asleep

        wait_asleep()
        narrowed(sys.argv[1:])()
    except KeyboardInterrupt:
        sys.stderr.write("\nngpt-inspect: interrupted\n")
        sys.exit(130)


def _collect_seldom() -> None:
    """Look for garbage seldom while this process lives, and not once more when it ends.

    What is imported stays. Python would walk all of it (torch: 166,000 objects) again and
    again while more is imported, and at the end.
    """
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
