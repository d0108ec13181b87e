"""`changes` of two checkpoints against the condition numbers of one, in CPU seconds.

Run: python benchmarks/changes.py --rounds 3

Both are Llama-like models of 124M parameters with tied embeddings of 50257 x 768, random. The floor
of `changes` is what it cannot do without: both files read, the difference taken, one float64 Gram
matrix of it and its eigenvalues.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from interleave import interleave, with_ratios
from large_checkpoint import write
from recording import add_option, tell
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.numerics.gram import gram_matrix

SIZES = {"n_layers": 12, "d_model": 768, "d_mlp": 2048, "head_width": 64, "vocabulary": 50257}


def tuned(folder: Path, into: Path) -> Path:
    """Write the same model with a tenth of noise added to every tensor."""
    tensors = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(1)
    into.mkdir()
    for name, values in tensors.items():
        noise = torch.randn(values.shape, generator=generator)
        tensors[name] = values + 0.1 * values.std() * noise if values.ndim > 1 else values
    save_file(tensors, into / "model.safetensors")
    (into / "config.json").write_bytes((folder / "config.json").read_bytes())
    return into


def floor(before: Path, after: Path) -> None:
    """Read, subtract, multiply, and take the eigenvalues of every matrix."""
    for old, new in zip(ni.open_checkpoint(before), ni.open_checkpoint(after), strict=True):
        change = new.values().double() - old.values().double()
        if change.ndim == 2:
            tall = change if change.shape[0] >= change.shape[1] else change.T
            torch.linalg.eigvalsh(gram_matrix(tall))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=SIZES["n_layers"])
    add_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        sizes = SIZES | {"n_layers": options.layers}
        write(before, **sizes, dtype=torch.float32, one_file=True, tied=True)
        after = tuned(before, Path(folder) / "after")
        ways = {
            "changes of two": lambda: ni.changes(before, after, workers=1),
            "condition numbers of one": lambda: ni.measure(before, "condition_numbers", workers=1),
            "floor": lambda: floor(before, after),
        }
        seconds = interleave(ways, options.rounds, time.process_time)
        told = with_ratios(seconds, "changes of two", time.process_time)
        tell(f"{options.layers} layers of {sizes['d_model']}", told, write=options.write)


if __name__ == "__main__":
    main()
