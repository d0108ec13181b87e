"""What each part of a condition number costs, in units of one float64 product W^T W.

Run: python benchmarks/condition_number_parts.py --size 4096 --rounds 3 [--cpu-time]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from interleave import interleave

from ngpt_inspect.numerics.conditioning import condition_number
from ngpt_inspect.numerics.cores import cores
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
    lu, pivots, _ = torch.linalg.lu_factor_ex(wide)

    def inverse(x: torch.Tensor) -> torch.Tensor:
        y = torch.linalg.lu_solve(lu, pivots, x.unsqueeze(1), adjoint=True)
        return torch.linalg.lu_solve(lu, pivots, y).squeeze(1)

    def end(apply: Callable[..., torch.Tensor], dtype: torch.dtype, tolerance: float) -> RitzPair:
        with cores(1):
            start = start_direction(w, dtype)
            return largest_ritz_pair(apply, start, tolerance=tolerance, max_steps=MAX_STEPS)

    ways = {
        "one product W^T W, float64": lambda: wide.T @ wide,
        "LU, float64": lambda: torch.linalg.lu_factor_ex(wide),
        "top end": lambda: end(normal_product(w), torch.float32, TOP_TOLERANCE),
        "bottom end": lambda: end(inverse, torch.float64, TOLERANCE),
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
    steps = [end(normal_product(w), torch.float32, TOP_TOLERANCE).steps]
    steps.append(end(inverse, torch.float64, TOLERANCE).steps)
    print(f"applications: {steps[0]} at the top, {steps[1]} at the bottom")


if __name__ == "__main__":
    main()
