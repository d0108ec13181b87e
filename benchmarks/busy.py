"""How much longer measures take beside busy loops than alone, against what a product takes then.

Each way is timed quiet, then beside so many loops as there are cores. A way that waits for threads
that do not run has a larger factor than the product has.

Run: python benchmarks/busy.py --size 2048 --rounds 5
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from interleave import interleave

from ngpt_inspect.numerics.conditioning import condition_number
from ngpt_inspect.numerics.neighbours import Closest
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots
from ngpt_inspect.numerics.spectra import singular_values

LOOP = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(10**6):
        pass
"""
"""Counts for as long as who started it lives."""


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep processes of our own counting, and end them by their ids."""
    words = [sys.executable, "-c", LOOP, str(os.getpid())]
    running = [subprocess.Popen(words) for _ in range(loops)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--loops", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    torch.manual_seed(0)
    w = torch.randn(options.size, options.size)
    wide, rows = w.double(), torch.randn(4 * options.size, options.size // 4)
    wants = [Dots(exact=True), Dots(normalize=True, exact=True), Closest(0.95)]
    ways = {
        "one product W^T W, float64": lambda: wide.T @ wide,
        "condition_number": lambda: condition_number(w),
        "singular_values": lambda: singular_values(w),
        "all pairs": lambda: all_pairs(rows, wants),
    }
    quiet = interleave(ways, options.rounds)
    with busy(options.loops):
        loaded = interleave(ways, options.rounds)
    print(f"size {options.size}, {torch.get_num_threads()} threads, {options.loops} busy loops")
    slower = {
        name: [there / here for here, there in zip(quiet[name], loaded[name], strict=True)]
        for name in ways
    }
    product = statistics.median(slower["one product W^T W, float64"])
    for name, factors in slower.items():
        middle = statistics.median(factors)
        spread = f"({min(factors):.2f} to {max(factors):.2f})"
        print(f"{name:28} {middle:6.2f} x as long {spread}, {middle / product:.2f} x the product's")


if __name__ == "__main__":
    main()
