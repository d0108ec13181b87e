"""Do statuses of condition numbers say what rounding did? Matrices rounded again and again.

Each matrix is multiplied by factors between 1 and 2, rounded to the dtype, and judged from the
rounded values alone. Of every judgement the sigma_min before rounding is known:

- bound too small: sigma_min moved further than the bound says it can have;
- missed: "ok", and kappa is off by more than a factor of 1.5;
- false alarm: "below_resolution", though no rounding of that matrix moves kappa by 10 %.

The same is counted for one root mean square error of the whole matrix, tau (sqrt(|O - I| + 1) + 2),
as bound, and "below_resolution" where sigma_min is no larger.

Run: python benchmarks/storage_rounding.py --seeds 3 --roundings 12
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import torch
from recording import Measured, add_option, tell

from ngpt_inspect.numerics.conditioning import condition_numbers
from ngpt_inspect.numerics.resolution import rounding_errors

COUNTED = ("bounds too small", "missed", "false alarms")
"""What a judgement can be found wrong in, in the order of the counts."""
DTYPES = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float32": torch.float32,
}
FACTOR, SMALL = 1.5, 1.1
Judgement = tuple[float, bool]
"""A bound on the change of sigma_min, and whether the value is called below resolution."""


def with_kappa(rows: int, columns: int, kappa: float, g: torch.Generator) -> torch.Tensor:
    """U diag(s) V^T with random U, V and s evenly spaced in its logarithm."""
    w = torch.randn(rows, columns, generator=g, dtype=torch.float64)
    u, s, vh = torch.linalg.svd(w, full_matrices=False)
    return (u * torch.logspace(0, -math.log10(kappa), len(s), dtype=torch.float64)) @ vh


def matrices(seed: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield kinds of matrices with one example of each."""
    g = torch.Generator().manual_seed(seed)

    def gaussian(rows: int, columns: int) -> torch.Tensor:
        return torch.randn(rows, columns, generator=g, dtype=torch.float64)

    yield "square Gaussian, 256", gaussian(256, 256)
    yield "head of a Gaussian, 64 x 1024", gaussian(64, 1024)
    for power in (2, 4, 6):
        rows = torch.logspace(0, -power, 64, dtype=torch.float64).unsqueeze(1)
        yield f"graded rows, 64 x 1024, 1e{power}", rows * gaussian(64, 1024)
        yield f"graded rows, 128 x 128, 1e{power}", rows.repeat(2, 1) * gaussian(128, 128)
        yield f"graded columns, 64 x 256, 1e{power}", gaussian(64, 256) * rows.repeat(4, 1).T
    decayed = gaussian(64, 768)
    decayed[::2] *= 1e-4
    yield "head half decayed, 64 x 768, 1e-4", decayed
    outlying = gaussian(64, 768)
    outlying[:, 5] *= 300
    yield "outlier column, 64 x 768, 300 x", outlying
    for kappa in (1e2, 1e3, 1e4):
        yield f"spectrum, 128 x 128, kappa {kappa:.0e}", with_kappa(128, 128, kappa, g)
        yield f"spectrum, 64 x 768, kappa {kappa:.0e}", with_kappa(64, 768, kappa, g)
    one_small = with_kappa(128, 128, 2.0, g)
    u, s, vh = torch.linalg.svd(one_small)
    s[-1] = 1e-3
    yield "one small value, 128 x 128, kappa 1e3", (u * s) @ vh


def before(w: torch.Tensor, smallest: float) -> Judgement:
    """One root mean square error for the whole matrix."""
    tau = float(rounding_errors(w).double().square().mean().sqrt())
    bound = tau * (math.sqrt(abs(w.shape[0] - w.shape[1]) + 1) + 2)
    return bound, smallest <= bound


def judged(w: torch.Tensor, dtype: torch.dtype, factors: list[float]) -> Iterator[tuple]:
    """Yield what rounding made of kappa and of sigma_min / true, and both judgements of it."""
    true = torch.linalg.svdvals(w)
    largest = float(w.abs().amax())
    peak = 64.0 / largest if dtype.itemsize == 1 else 1.0  # inside the range of eight bits
    for factor in factors:
        stored = (w * (factor * peak)).to(dtype)
        found = condition_numbers(stored.unsqueeze(0))[0]
        moved = abs(found.sigma_min - float(true[-1]) * factor * peak)
        off = abs(math.log(found.kappa / float(true[0] / true[-1])))
        now = (found.shift, found.status != "ok")
        yield off, moved, before(stored, found.sigma_min), now


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--roundings", type=int, default=12)
    parser.add_argument("--each", action="store_true", help="print the counts of each kind")
    add_option(parser)
    options = parser.parse_args()
    factors = [2 ** ((k + 0.5) / options.roundings) for k in range(options.roundings)]
    totals: dict[str, list[list[int]]] = {}
    for name, dtype in DTYPES.items():
        totals[name] = [[0, 0, 0], [0, 0, 0]]
        n_judged = 0
        for seed in range(options.seeds):
            for kind, w in matrices(seed):
                rounds = list(judged(w, dtype, factors))
                n_judged += len(rounds)
                steady = max(off for off, *_ in rounds) < math.log(SMALL)
                here = [[0, 0, 0], [0, 0, 0]]
                for off, moved, *ways in rounds:
                    for counts, (bound, flagged) in zip(here, ways, strict=True):
                        counts[0] += moved > bound
                        counts[1] += not flagged and off > math.log(FACTOR)
                        counts[2] += flagged and steady
                if options.each and any(map(any, here)):
                    print(f"  {name}, {kind}, seed {seed}: before {here[0]}, now {here[1]}")
                for total, counts in zip(totals[name], here, strict=True):
                    total[:] = [a + b for a, b in zip(total, counts, strict=True)]
        told = [Measured(work="judgements", unit="", values=[n_judged])]
        for when, counts in zip(("before", "now"), totals[name], strict=True):
            told += [
                Measured(work=f"{what}, {when}", unit="", values=[count])
                for what, count in zip(COUNTED, counts, strict=True)
            ]
        tell(name, told, write=options.write)


if __name__ == "__main__":
    main()
