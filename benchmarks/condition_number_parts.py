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
from ngpt_inspect.numerics.extremes import spectral_norm


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
    ways = {
        "one product W^T W, float64": lambda: wide.T @ wide,
        "LU, float64": lambda: torch.linalg.lu_factor_ex(wide.T),
        "LU, float32": lambda: torch.linalg.lu_factor_ex(w.T),
        "large end": lambda: spectral_norm(w),
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


if __name__ == "__main__":
    main()
