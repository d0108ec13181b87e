"""Tables in a terminal: aligned, cut where it is narrow, and nothing of a name acts on it."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from ngpt_inspect.cli.lines import TextTable

NAMES = ("model.layers.0.mlp.up_proj.weight", "词嵌入", "a\x1b[31m\nb")


def printed(width: int) -> list[str]:
    table = TextTable(["tensor", "layer", "dtype"])
    for n, name in enumerate(NAMES):
        table.add_row(name, None if n else "10", "F32")
    out = Console(file=StringIO(), width=width, markup=False)
    out.print(table)
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_columns_are_as_wide_as_their_widest_text() -> None:
    pad = " " * (len(NAMES[0]) - 6)
    assert printed(200) == [
        f"tensor{pad}   layer   dtype",
        "─" * (len(NAMES[0]) + 16),
        f"{NAMES[0]}      10   F32  ",
        f"{NAMES[1]}{pad}           F32  ",
        f"a [31m b{pad[2:]}           F32  ",
    ]


@pytest.mark.parametrize("width", [12, 16, 30, 40, 48, 49, 50])
def test_a_narrow_terminal_cuts_the_widest(width: int) -> None:
    lines = printed(width)
    assert len(lines) == 2 + len(NAMES)
    assert {cell_len(line) for line in lines} == {min(width, len(NAMES[0]) + 16)}
    if width >= 30:
        assert lines[0].endswith("   layer   dtype")
        assert ("…" in lines[2]) == (width < 49)


def test_a_table_without_rows() -> None:
    out = Console(file=StringIO(), width=20)
    out.print(TextTable(["role"]))
    assert out.file.getvalue().splitlines() == ["role", "────"]  # type: ignore[attr-defined]
