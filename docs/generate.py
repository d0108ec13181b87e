"""Writes the parts of the documents that are made from code and from results.

``python docs/generate.py`` writes them; ``--check`` only tells which are out of date (exit code 1);
``--demo`` also makes what the README prints of the runs of `make demo`, which must be there. A part
lies between two comments that do not show in the page::

    <!-- made: quantities -->
    ...
    <!-- end -->

`MAKERS` has what makes each part.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import demo_output
import map_tables
import measure_pages
import measure_tables
import performance_tables
import reference_tables
import reproduction_tables
import results_tables
import rules_tables

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "mkdocs.yml",
    *sorted({*(ROOT / "docs").rglob("*.md"), *measure_pages.FILES}),
)
PART = re.compile(r"(<!-- made: (?P<name>[\w ]+) -->)(?P<text>.*?)(<!-- end -->)", re.DOTALL)
Makers = Mapping[str, Callable[[], str]]
MAKERS: dict[str, Callable[[], str]] = {
    **map_tables.MAKERS,
    **measure_pages.MAKERS,
    **measure_tables.MAKERS,
    **performance_tables.MAKERS,
    **reference_tables.MAKERS,
    **reproduction_tables.MAKERS,
    **results_tables.MAKERS,
    **rules_tables.MAKERS,
}


def renewed(text: str, makers: Makers = MAKERS) -> str:
    """Return a document with every part that one of the makers makes made anew."""

    def anew(found: re.Match[str]) -> str:
        if found["name"] not in makers:
            return found[0]
        made = makers[found["name"]]()
        # A table stands in lines of its own, a number within its sentence.
        around = "\n" if "\n" in made and not made.startswith("\n") else ""
        return f"{found[1]}{around}{made}{around}{found[4]}"

    return PART.sub(anew, text)


def main(arguments: list[str]) -> int:
    """Write the documents, or with ``--check`` say which are out of date; return the exit code."""
    makers = MAKERS | demo_output.MAKERS if "--demo" in arguments else MAKERS
    stale = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        new = renewed(text or measure_pages.FILES[path], makers)
        if new != text:
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in arguments:
                path.parent.mkdir(exist_ok=True)
                path.write_text(new, encoding="utf-8")
    if stale and "--check" in arguments:
        sys.stderr.write(f"out of date: {', '.join(stale)}; write them with `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
