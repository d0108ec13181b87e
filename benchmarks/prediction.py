"""How well a progress bar tells what a command takes: at a quarter, at half, at three quarters.

Predicted is the time so far over the share that is told to be done, against what it took in the
end; there is none where nothing was told before. The checkpoint is a random one of two embeddings
and some layers.

Run: python benchmarks/prediction.py --measures condition_numbers dot_products
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import torch
from large_checkpoint import write
from recording import Measured, add_option, tell

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES

POINTS = (0.25, 0.5, 0.75)


def predictions(model: ni.WeightSet, names: list[str]) -> tuple[float, list[float]]:
    """Return the seconds it took, and the seconds foretold when these shares of them had gone."""
    told = [(0.0, 0.0)]
    started = time.perf_counter()
    ni.measure(
        model,
        names,
        progress=lambda done, total: told.append((time.perf_counter() - started, done / total)),
    )
    took = told[-1][0]
    heard = [max(each for each in told if each[0] <= point * took) for point in POINTS]
    return took, [seconds / share if share else math.nan for seconds, share in heard]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--measures", nargs="*", default=list(MEASURES), help="only these")
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"n_layers": options.layers, "d_model": options.width, "d_mlp": 4 * options.width}
        write(Path(folder), **sizes, vocabulary=options.vocabulary, dtype=torch.float32)
        model = ni.open_checkpoint(folder)
        roles = {weight.role for weight in model}
        there = [name for name in options.measures if roles & set(MEASURES[name].roles)]
        for names in [*([name] for name in there), there]:
            took, ends = predictions(model, names)
            work = names[0] if len(names) == 1 else f"{len(names)} measures together"
            told = [
                Measured(work=work, against=f"real, at {point:.0%}", unit="x", values=[end / took])
                for point, end in zip(POINTS, ends, strict=True)
                if not math.isnan(end)
            ]
            tell(f"{options.layers} layers of {options.width}", told, write=options.write)


if __name__ == "__main__":
    main()
