"""The command line: what words mean, what is run, how it is shown."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C is one line also while its modules are being read."""
    try:
        from ngpt_inspect.cli.commands import app
        from ngpt_inspect.numerics.cores import wait_asleep

        wait_asleep()
        app()
    except KeyboardInterrupt:
        sys.stderr.write("\nngpt-inspect: interrupted\n")
        sys.exit(130)
