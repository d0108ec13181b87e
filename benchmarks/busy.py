"""How much longer every measure takes beside busy loops than alone, against a product.

A random checkpoint of one layer and two embeddings is written. Every measure of it, `changes` to a
second one, and one float64 product are timed alone and then beside so many loops as there are
cores, round after round. What waits for threads that do not run has a larger factor than the
product; the aim is at most twice as large. OpenMP's threads sleep, as they do in the command line,
unless OMP_WAIT_POLICY says otherwise.

Run: python benchmarks/busy.py --rounds 3 [--measures singular_values changes]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ngpt_inspect.numerics.cores import wait_asleep

wait_asleep()

import torch  # noqa: E402
from changes import tuned  # noqa: E402
from large_checkpoint import write  # noqa: E402
from recording import Measured, add_option, tell  # noqa: E402

import ngpt_inspect as ni  # noqa: E402
from ngpt_inspect.measures import MEASURES  # noqa: E402

LOOP = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(10**6):
        pass
"""
"""Counts for as long as who started it lives."""
PRODUCT = "product W^T W, float64"


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


def seconds(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Wall-clock time of each way, once, over that of the product before and after it."""
    times, product = {}, timed(ways[PRODUCT])
    for name, way in ways.items():
        own, after = timed(way), timed(ways[PRODUCT])
        times[name] = own / ((product + after) / 2)
        product = after
    return times


def timed(way: Callable[[], object]) -> float:
    """Wall-clock seconds."""
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1664, help="d_model; from 1588 on all cores")
    parser.add_argument("--vocabulary", type=int, default=6000)
    parser.add_argument("--loops", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measures", nargs="*", default=[*MEASURES, "changes"], help="only these")
    add_option(parser)
    options = parser.parse_args()

    wide = torch.randn(options.size, options.size, dtype=torch.float64)
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"n_layers": 1, "d_model": options.size, "d_mlp": 2 * options.size}
        start = Path(folder) / "start"
        write(start, **sizes, vocabulary=options.vocabulary, dtype=torch.float32, one_file=True)
        model, after = (ni.open_checkpoint(each) for each in (start, tuned(start, start / "after")))
        roles = {weight.role for weight in model}
        ways: dict[str, Callable[[], object]] = {PRODUCT: lambda: wide.T @ wide}
        for name in options.measures:
            if name == "changes":
                ways[name] = partial(ni.changes, model, after)
            elif roles & set(MEASURES[name].roles):
                ways[name] = partial(ni.measure, model, name)
        quiet, loaded = [], []
        for _ in range(options.rounds):
            quiet.append(seconds(ways))
            with busy(options.loops):
                loaded.append(seconds(ways))
    case = f"d = {options.size}, {torch.get_num_threads()} threads, {options.loops} busy loops"
    told = []
    for name in ways:
        alone, beside = ([each[name] for each in times] for times in (quiet, loaded))
        factors = [many / few for few, many in zip(alone, beside, strict=True)]
        told += [
            Measured(work=name, against="the product, alone", unit="x", values=alone),
            Measured(work=name, against="the product, beside loops", unit="x", values=beside),
            Measured(work=name, against="itself alone, in products", unit="x", values=factors),
        ]
    tell(case, told, write=options.write)


if __name__ == "__main__":
    main()
