"""What was typed and cannot be read: one line, as any other mistake."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from typer.core import TyperGroup

from ngpt_inspect.cli.terminal import WRONG_INPUT, note


class OneLineGroup(TyperGroup):
    """Commands of which what was typed wrongly is told in one line, with where to look."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line, and end with its exit code."""
        run = partial(super().main, args, prog_name, complete_var, False, windows_expand_args)
        if not standalone_mode:
            return run(**extra)
        try:
            sys.exit(run(**extra))
        except Exception as error:  # whose click it comes from differs with typer's version
            if not hasattr(error, "format_message"):
                raise
            context = getattr(error, "ctx", None)
            if context is not None and type(error).__name__ == "NoArgsIsHelpError":
                sys.stdout.write(context.get_help() + "\n")
                sys.exit(WRONG_INPUT)
            of = f" {context.info_name}" if context is not None and context.parent else ""
            said = " ".join(error.format_message().split()).rstrip(".")
            note(f"ngpt-inspect: {said}; see `ngpt-inspect{of} --help`")
            sys.exit(WRONG_INPUT)
