"""Tables for papers: rows of words as Markdown and as LaTeX (booktabs)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table of words. Unicode throughout: ``α_A``, ``1/√d``, ``−0.3 ± 0.1 %``."""

    name: str
    """For labels and headings; letters, digits and hyphens."""
    caption: str
    header: Row
    groups: Sequence[Sequence[Row]]
    """Rows, in groups that are set apart."""
    numbers: int
    """How many of the last columns are flush right."""


MATHS = {
    "α": r"$\alpha$",
    "ν": r"$\nu$",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\ge$",
    "∞": r"$\infty$",
    "–": "--",
}
ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
ESCAPED |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
SYMBOL = re.compile(r"(?P<base>[sα])_(?P<index>[A-Za-z]+|ν)|√(?P<root>\w)|(?P<other>.)", re.DOTALL)


def to_markdown(sheet: Sheet) -> str:
    """Return a heading with a pipe table below, columns as wide as their widest cell."""
    rows = [list(sheet.header), *(list(row) for group in sheet.groups for row in group)]
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[at]) for row in rows)) for at in range(len(sheet.header))]
    right = [at >= len(widths) - sheet.numbers for at in range(len(widths))]
    first, *others = [list(zip(row, widths, right, strict=True)) for row in rows]
    lines = [
        "| " + " | ".join(_set(cell, width, end) for cell, width, end in each) + " |"
        for each in (first, *others)
    ]
    rules = ["-" * (width + 1) + (":" if end else "-") for _, width, end in first]
    lines.insert(1, "|" + "|".join(rules) + "|")
    return "\n".join([sheet.caption, "", *lines, ""])


def _set(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def to_latex(sheet: Sheet) -> str:
    r"""Return a ``table`` environment; it needs ``\usepackage{booktabs}`` and nothing else."""
    columns = "l" * (len(sheet.header) - sheet.numbers) + "r" * sheet.numbers
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(sheet.caption)}}}",
        rf"\label{{tab:{sheet.name}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _latex_row(sheet.header),
    ]
    for group in sheet.groups:
        lines += [r"\midrule", *(_latex_row(row) for row in group)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_row(row: Row) -> str:
    return " & ".join(latex(cell) for cell in row) + r" \\"


def latex(text: str) -> str:
    """Return words with symbols in maths and everything special escaped."""

    def one(found: re.Match[str]) -> str:
        if found["base"]:
            base = MATHS.get(found["base"], found["base"]).strip("$")
            index = r"\nu" if found["index"] in ("ν", "nu") else found["index"]
            return f"${base}_{{{index}}}$"
        if found["root"]:
            return rf"$\sqrt{{{found['root']}}}$"
        return ESCAPED.get(found["other"]) or MATHS.get(found["other"], found["other"])

    return SYMBOL.sub(one, text)
