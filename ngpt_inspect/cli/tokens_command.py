"""``ngpt-inspect tokens``: every token of a checkpoint with its text, to read or to keep."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Opening, Tabling
from ngpt_inspect.cli.options import Checkpoints, Device, Roles
from ngpt_inspect.cli.selection import names
from ngpt_inspect.measures.nearest_tokens import DUPLICATE
from ngpt_inspect.measures.token_health import THRESHOLD


@dataclass(kw_only=True)
class TokensCommand(Opening, Tabling):
    """Every token with its text: norm, nearest token, near-duplicates, s_z. See docs/tokens.md."""

    example: ClassVar[str] = "runs/ngpt --search king"

    checkpoints: Checkpoints
    search: Annotated[
        str | None,
        typer.Option("--search", help="Only this id, or the tokens that hold these words."),
    ] = None
    order: Annotated[
        str,
        typer.Option(
            "--order",
            help="token, shortest, longest, nearest, near-duplicates, mean-cosine or "
            "unused-cosine. A search alone: best matches first.",
        ),
    ] = "nearest"
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Rows of each printed table; files have all.")
    ] = 20
    roles: Roles = None
    duplicate: Annotated[float, typer.Option("--duplicate", help="Cosine of near-duplicates.")] = (
        DUPLICATE
    )
    threshold: Annotated[
        float, typer.Option("--threshold", help="Robust z-score of a low norm.")
    ] = THRESHOLD
    unused: Annotated[
        str, typer.Option("--unused", help="Ids known to be unused: 50257-50303.", metavar="LIST")
    ] = ""
    device: Device = "cpu"

    def run(self) -> None:
        """Write the tokens that are asked for."""
        from ngpt_inspect.cli.token_listing import chosen_tokens, token_listings
        from ngpt_inspect.cli.views import coverage_notes
        from ngpt_inspect.tables import token_table

        self.check_output()
        models = self.opened(self.checkpoints)
        with self.progress("Tokens") as progress:
            table = token_table(
                models,
                roles=names(self.roles),
                device=self.device,
                progress=progress,
                duplicate=self.duplicate,
                threshold=self.threshold,
                unused=self.unused,
            )
        found = chosen_tokens(table, self.search, self.order)
        self.emit(lambda: token_listings(found, self.rows), lambda: found)
        self.remark(coverage_notes(table.attrs))
