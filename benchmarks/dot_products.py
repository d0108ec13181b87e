"""Exact distribution of dot products against the bare products, and against the plain way.

Run: python benchmarks/dot_products.py --vocabulary 50257 --size 768 --rounds 3
     python benchmarks/dot_products.py --vocabulary 20000 --plain
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from interleave import interleave, with_ratios
from recording import add_option, tell

from ngpt_inspect.numerics.pairs import pairwise_dots

TILE = 2048


def bare_products(x: torch.Tensor) -> None:
    """Multiply every pair of rows once, in tiles, and keep nothing."""
    tile = torch.empty(TILE * TILE)
    for first in range(0, len(x), TILE):
        rows = x[first : first + TILE]
        for start in range(first, len(x), TILE):
            columns = x[start : start + TILE]
            out = tile[: len(rows) * len(columns)].view(len(rows), len(columns))
            torch.mm(rows, columns.T, out=out)


def plain_histogram(x: torch.Tensor) -> np.ndarray:
    """All V x V products at once, counted by NumPy."""
    return np.histogram((x @ x.T).numpy(), bins=1000)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=50257)
    parser.add_argument("--size", type=int, default=768, help="columns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain", action="store_true", help="also E @ E.T with numpy.histogram")
    add_option(parser)
    options = parser.parse_args()

    torch.manual_seed(0)
    x = torch.randn(options.vocabulary, options.size) * 0.02
    ways = {
        "pairwise_dots": lambda: pairwise_dots(x, exact=True),
        "pairwise_dots, cosines": lambda: pairwise_dots(x, normalize=True, exact=True),
        "bare tiled products": lambda: bare_products(x),
    }
    if options.plain:
        ways["E @ E.T, numpy.histogram"] = lambda: plain_histogram(x)
    case = f"V = {options.vocabulary}, d = {options.size}, {torch.get_num_threads()} threads"
    told = with_ratios(interleave(ways, options.rounds), "pairwise_dots")
    tell(case, told, write=options.write)


if __name__ == "__main__":
    main()
