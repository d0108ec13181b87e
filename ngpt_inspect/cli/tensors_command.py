"""``ngpt-inspect tensors``: what lies in a checkpoint, from headers alone."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import typer

from ngpt_inspect.cli.command import Opening, Tabling
from ngpt_inspect.cli.lines import TextTable, plain_table
from ngpt_inspect.cli.options import Checkpoints
from ngpt_inspect.cli.terminal import show
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.rows import writable


@dataclass(kw_only=True)
class TensorsCommand(Opening, Tabling):
    """List names, roles, shapes and dtypes, and what was not recognised. Reads headers only."""

    example: ClassVar[str] = "runs/ngpt"

    checkpoints: Checkpoints
    suggest_spec: Annotated[
        bool,
        typer.Option(
            "--suggest-spec",
            help="Draft a declaration for --spec from names and shapes, as JSON to be edited.",
        ),
    ] = False

    def run(self) -> None:
        """List every tensor, or draft a declaration."""
        from ngpt_inspect.cli.listing import list_tensors, suggest

        if self.suggest_spec:
            text, remarks = suggest(self.checkpoints, self.heads, self.part)
            show(text, to=self.output)
            self.remark(remarks)
            return
        self.check_output()
        rows: list[dict[str, Any]] = []
        said: list[str] = []
        for source, settings in self.named(self.checkpoints):
            found, remarks = list_tensors(source, **settings)
            rows += found
            said += remarks
        self.emit(lambda: [_readable(rows)], lambda: _frame(rows))
        self.remark(said)


def _readable(rows: list[dict[str, Any]]) -> TextTable:
    from ngpt_inspect.tables.tensor_rows import COLUMNS

    several = len({row["checkpoint"] for row in rows}) > 1
    return plain_table(rows, [name for name in COLUMNS if several or name != "checkpoint"])


def _frame(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    from ngpt_inspect.tables.tensor_rows import COLUMNS

    texts = {"checkpoint", "tensor", "role", "note"}
    rows = [{k: writable(v) if k in texts else v for k, v in row.items()} for row in rows]
    integers = dict.fromkeys(("layer", "expert", "bytes"), "Int64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(integers)
