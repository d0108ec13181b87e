"""``ngpt-inspect tokens``: every token of a checkpoint with its text, to read or to keep."""

from __future__ import annotations

from typing import Annotated

import typer

from ngpt_inspect.cli.opening import Opener, opens
from ngpt_inspect.cli.options import Checkpoints, Device, Format, Output, Quiet, Roles
from ngpt_inspect.cli.terminal import format_named, note, progress_bar, reported, show, write
from ngpt_inspect.measures.nearest_tokens import DUPLICATE
from ngpt_inspect.measures.token_health import THRESHOLD


@reported
@opens
def tokens_command(
    opened: Opener,
    checkpoints: Checkpoints,
    search: Annotated[
        str | None,
        typer.Option("--search", help="Only this id, or the tokens that hold these words."),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            "--order",
            help="token, shortest, longest, nearest, near-duplicates, mean-cosine or "
            "unused-cosine. A search alone: best matches first.",
        ),
    ] = "nearest",
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows of each printed table; files have all.")
    ] = 20,
    roles: Roles = None,
    duplicate: Annotated[
        float, typer.Option("--duplicate", help="Cosine of near-duplicates.")
    ] = DUPLICATE,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Robust z-score of a low norm.")
    ] = THRESHOLD,
    unused: Annotated[
        str, typer.Option("--unused", help="Ids known to be unused: 50257-50303.", metavar="LIST")
    ] = "",
    format_name: Format = None,
    output: Output = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Every token with its text: norm, nearest token, near-duplicates, s_z. See docs/tokens.md."""
    from ngpt_inspect.cli.selection import names
    from ngpt_inspect.cli.token_listing import chosen_tokens, token_listings
    from ngpt_inspect.cli.views import coverage_notes
    from ngpt_inspect.tables import token_table

    shown_as = format_named(format_name, output)
    models = opened(checkpoints)
    with progress_bar("Tokens", quiet) as progress:
        table = token_table(
            models,
            roles=names(roles),
            device=device,
            progress=progress,
            duplicate=duplicate,
            threshold=threshold,
            unused=unused,
        )
    found = chosen_tokens(table, search, order)
    if shown_as == "table":
        show(*token_listings(found, rows), to=output)
    else:
        write(found, shown_as, output)
    if not quiet:
        for line in coverage_notes(table):
            note(line)
