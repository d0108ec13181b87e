"""The whole table of one CUDA card, within ten minutes; on a CPU with `--small`, to try it out.

Run: python benchmarks/gpu.py [--peak 989e12]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ngpt_inspect.numerics.conditioning import condition_number, condition_numbers
from ngpt_inspect.numerics.neighbours import Closest
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots

HERE = Path(__file__).parent
PARAMETERS = 0.5e9


def timed(device: str, work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of the second of two calls, and what it returned."""
    work()
    _wait(device)
    started = time.perf_counter()
    found = work()
    _wait(device)
    return time.perf_counter() - started, found


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def row(name: str, *cells: str) -> None:
    """Print one line of the table."""
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def kappa(device: str, size: int) -> None:
    """Time one condition number against one product and the full spectrum."""
    w = torch.randn(size, size, device=device)
    wide = w.double()
    product, _ = timed(device, lambda: wide.T @ wide)
    ours, found = timed(device, lambda: condition_number(w))
    full, s_n = timed(device, lambda: torch.linalg.svdvals(wide))
    off = abs(found.kappa / float(s_n[0] / s_n[-1]) - 1)
    ratio = f"{ours / product:.2f} x a float64 product"
    row(f"kappa, {size}", f"{ours:.3f} s", ratio, f"{full / ours:.1f} x svdvals, off {off:.1e}")


def heads(device: str, count: int, width: int, columns: int) -> None:
    """Time the condition numbers of all heads in one call."""
    w = torch.randn(count, width, columns, device=device)
    ours, _ = timed(device, lambda: condition_numbers(w))
    row(f"{count} heads of {width} x {columns}", f"{ours:.3f} s", "", "")


def pairs(device: str, vocabulary: int, width: int) -> None:
    """Time everything that is asked of all pairs of embeddings."""
    x = torch.randn(vocabulary, width, device=device)
    wants = [Dots(exact=True), Dots(normalize=True, exact=True), Closest(0.95)]
    ours, _ = timed(device, lambda: all_pairs(x, wants))
    rate = vocabulary**2 * width / ours / 1e12
    row(f"all pairs, {vocabulary} x {width}", f"{ours:.3f} s", f"{rate:.1f} TFLOP/s", "")


def training(preset: str, context: int, peak: float) -> None:
    """Time a step of each model, in a process of its own; say which share of the peak it takes."""
    words = [sys.executable, str(HERE / "training_step.py"), "--preset", preset, "--compile"]
    words += ["--context-length", str(context), "--batch-size", "2", "--rounds", "20"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=360)
    if done.returncode:
        row(f"step, {preset}, {context}", "failed", done.stderr.strip().rpartition("\n")[2], "")
    for line in done.stdout.splitlines():
        if " tokens/s" in line:
            *name, rate = line.partition(" tokens/s")[0].split()
            share = f"{6 * PARAMETERS * float(rate) / peak:.1%} of peak" if preset == "0.5B" else ""
            row(f"step, {' '.join(name)}, {preset}, {context}", f"{rate} tokens/s", share, "")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="tiny sizes, on the CPU")
    parser.add_argument("--peak", type=float, default=989e12, help="bfloat16 FLOP/s of the card")
    options = parser.parse_args()
    device = "cpu" if options.small else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no CUDA device here; --small tries the script out on the CPU")
    torch.manual_seed(0)
    row("work", "time", "against", "and")
    row("---", "---", "---", "---")
    for size in (256,) if options.small else (4096, 8192):
        kappa(device, size)
    heads(device, *((4, 16, 64) if options.small else (32, 128, 4096)))
    pairs(device, *((3000, 64) if options.small else (128_000, 4096)))
    if not options.small:
        training("0.5B", 4096, options.peak)


if __name__ == "__main__":
    main()
