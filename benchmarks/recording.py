"""Prints what was measured; with --write, keeps it in measured.csv, where documents take it from.

Each row has the load of the machine, as it was before anything was timed, beside its numbers.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.csv")
NAMED_BY = ("script", "case", "work", "against", "unit")
"""What tells two rows apart: a number that is measured again takes the place of the old one."""
COLUMNS = (*NAMED_BY, "median", "low", "high", "rounds", "load")
MANY = 20
"""More rounds than these are told by their quartiles."""
LOAD = os.getloadavg()[0]
"""Of the last minute, when the script began."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One quantity, once a round."""

    work: str
    values: Sequence[float]
    unit: str = "s"
    """``s``, ``CPU s``, ``MB``, or ``x``: a ratio to something else."""
    against: str = ""
    """Of what it is a ratio."""

    @property
    def told(self) -> tuple[float, float, float]:
        """Median, smallest and largest; of many rounds the quartiles in their place."""
        ends = min(self.values), max(self.values)
        if len(self.values) > MANY:
            low, _, high = statistics.quantiles(self.values, n=4)
            ends = low, high
        return statistics.median(self.values), *ends


def add_option(parser: argparse.ArgumentParser) -> None:
    """Have a script take --write."""
    parser.add_argument("--write", action="store_true", help="keep the numbers for the documents")


def tell(case: str, found: Iterable[Measured], *, write: bool) -> None:
    """Print what was measured of one case, and keep it if it shall be."""
    kept = []
    print(f"{case} (load {LOAD:.1f})")
    for each in found:
        middle, low, high = each.told
        over = f" / {each.against}" if each.against else ""
        print(f"  {each.work + over:66} {middle:9.4g} {each.unit} ({low:.4g} to {high:.4g})")
        numbers = (*(f"{value:.4g}" for value in each.told), str(len(each.values)), f"{LOAD:.1f}")
        kept.append((Path(sys.argv[0]).stem, case, each.work, each.against, each.unit, *numbers))
    sys.stdout.flush()
    if write:
        _keep(kept)


def _keep(new: list[tuple[str, ...]]) -> None:
    """Put rows into the file, in the place of those of the same names."""
    with MEASURED.open(newline="", encoding="utf-8") as file:
        old = [tuple(row) for row in csv.reader(file)][1:]
    rows = {row[: len(NAMED_BY)]: row for row in (*old, *new)}
    with MEASURED.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows.values()])
