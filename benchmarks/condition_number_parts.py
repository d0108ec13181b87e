"""What each part of a condition number costs, in units of one float64 product W^T W.

Run: python benchmarks/condition_number_parts.py --size 4096 --rounds 3 [--cpu-time]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from interleave import interleave

from ngpt_inspect.numerics.conditioning import condition_number
from ngpt_inspect.numerics.cores import MOST_SHARES, cores, side_by_side
from ngpt_inspect.numerics.extremes import (
    MAX_STEPS,
    TOLERANCE,
    TOP_TOLERANCE,
    normal_product,
    start_direction,
)
from ngpt_inspect.numerics.lanczos import RitzPair, largest_ritz_pair


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true", help="seconds of all cores, not of day")
    options = parser.parse_args()

    torch.manual_seed(0)
    w = torch.randn(options.size, options.size)
    wide = w.double()
    lu, pivots, _ = torch.linalg.lu_factor_ex(wide.T)

    def inverse(x: torch.Tensor) -> torch.Tensor:
        y = torch.linalg.lu_solve(lu, pivots, x.unsqueeze(1))
        return torch.linalg.lu_solve(lu, pivots, y, adjoint=True).squeeze(1)

    def top() -> RitzPair:
        start = start_direction(w, torch.float32)
        with side_by_side(MOST_SHARES) as mapped:
            product = normal_product(w, mapped)
            return largest_ritz_pair(product, start, tolerance=TOP_TOLERANCE, max_steps=MAX_STEPS)

    def bottom() -> RitzPair:
        start = start_direction(w, torch.float64)
        with cores(1):
            return largest_ritz_pair(inverse, start, tolerance=TOLERANCE, max_steps=MAX_STEPS)

    ways = {
        "one product W^T W, float64": lambda: wide.T @ wide,
        "LU, float64": lambda: torch.linalg.lu_factor_ex(wide.T),
        "top end": top,
        "bottom end": bottom,
        "condition_number": lambda: condition_number(w),
    }
    clock = time.process_time if options.cpu_time else time.perf_counter
    seconds = interleave(ways, options.rounds, clock)
    product = seconds["one product W^T W, float64"]
    print(f"{options.size} x {options.size}, float32, {torch.get_num_threads()} threads")
    for name, times in seconds.items():
        ratios = sorted(mine / one for mine, one in zip(times, product, strict=True))
        middle = statistics.median(ratios)
        print(f"{name:28} {middle:6.3f} products  ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    print(f"applications: {top().steps} at the top, {bottom().steps} at the bottom")


if __name__ == "__main__":
    main()
