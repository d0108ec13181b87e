"""Condition number of one matrix against one float64 product and against full decompositions.

Run: python benchmarks/condition_number.py --size 4096 --rounds 5
"""

from __future__ import annotations

import argparse

import torch
from interleave import interleave, with_ratios
from recording import Measured, add_option, tell

from ngpt_inspect.numerics.conditioning import condition_number


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="columns")
    parser.add_argument("--rows", type=int, help="rows; as many as columns if not given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", default="float32", help="stored dtype")
    parser.add_argument("--no-float32", action="store_true", help="leave out the float32 spectrum")
    add_option(parser)
    options = parser.parse_args()

    torch.manual_seed(0)
    rows = options.rows or options.size
    w = torch.randn(rows, options.size).to(getattr(torch, options.dtype))
    wide = w.double()
    ways = {
        "condition_number": lambda: condition_number(w),
        "one product W^T W, float64": lambda: wide.T @ wide,
        "torch.linalg.svdvals, float64": lambda: torch.linalg.svdvals(w.double()),
    }
    if not options.no_float32:
        ways["torch.linalg.svdvals, float32"] = lambda: torch.linalg.svdvals(w.float())
    timed = with_ratios(interleave(ways, options.rounds), "condition_number")
    ours, s_n = condition_number(w), torch.linalg.svdvals(wide)
    kappa = float(s_n[0] / s_n[-1])
    print(f"kappa {ours.kappa!r} by {ours.method}, stated error {ours.relative_error:.1e}")
    print(f"kappa {kappa!r} by the full float64 spectrum")
    apart = [abs(ours.kappa / kappa - 1)]
    error = Measured(work="relative difference", against="svdvals, float64", values=apart, unit="")
    case = f"{rows} x {options.size}, {options.dtype}, {torch.get_num_threads()} threads"
    tell(case, [*timed, error], write=options.write)


if __name__ == "__main__":
    main()
