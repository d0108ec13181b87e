"""What every measure costs over its floor: the bytes to read, the products and spectra it needs.

A random checkpoint of one layer and two embeddings is written, and a mixture for what is only of
experts, then each measure of it and each floor are timed in turn, in seconds of the processor and
on one thread. Floors of a measure are taken of all the weights that it reads.

Run: python benchmarks/cost.py --rounds 3
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from dot_products import bare_products
from interleave import interleave, ratio
from large_checkpoint import write
from recording import Measured, add_option, tell

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.numerics.gram import gram_matrix
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import Weight, WeightSet

D_MODEL, D_MLP, HEAD_WIDTH = 768, 2048, 64
EXPERTS, D_EXPERT = 8, 512


def read(weight: Weight) -> torch.Tensor:
    """Read the values and square each once."""
    values = weight.values()
    torch.linalg.vector_norm(values.double())
    return values


def gram(weight: Weight) -> torch.Tensor:
    """Read, and one float64 Gram product over the shorter side."""
    values = read(weight)
    return gram_matrix(values if len(values) >= values.shape[1] else values.T)


def spectrum(weight: Weight) -> None:
    """Read, multiply, and take the eigenvalues too."""
    torch.linalg.eigvalsh(gram(weight))


def pairs(weight: Weight) -> None:
    """Read, and the bare float32 products of all pairs of rows, each once."""
    bare_products(read(weight).float())


FLOORS: dict[str, Callable[[Weight], object]] = {
    **dict.fromkeys(("condition_numbers", "normalized_condition_numbers"), gram),
    **dict.fromkeys(("matrix_norms", "logit_bounds"), gram),
    **dict.fromkeys(("singular_values", "power_law", "circuits", "embedding_spectrum"), spectrum),
    "experts": spectrum,
    **dict.fromkeys(("dot_products", "nearest_tokens", "uniformity"), pairs),
}
"""Measure -> its floor; the others only read."""
BESIDE = {"experts": (Role.W_U, Role.W_NU, Role.W_O_MLP)}
"""Measure -> what it reads beside the weights of its roles."""


def floor_of(model: WeightSet, name: str) -> None:
    """Do what a measure cannot do without."""
    for weight in model:
        if weight.role in (*MEASURES[name].roles, *BESIDE.get(name, ())):
            FLOORS.get(name, read)(weight)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measures", nargs="*", default=list(MEASURES), help="only these")
    add_option(parser)
    options = parser.parse_args()

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"n_layers": 1, "d_model": D_MODEL, "head_width": HEAD_WIDTH}
        dense, mixture = Path(folder) / "dense", Path(folder) / "mixture"
        write(dense, **sizes, d_mlp=D_MLP, vocabulary=options.vocabulary, dtype=torch.float32)
        write(mixture, **sizes, d_mlp=D_EXPERT, experts=EXPERTS, vocabulary=8, dtype=torch.float32)
        models = [ni.open_checkpoint(each) for each in (dense, mixture)]
        case = f"one layer of {D_MODEL} and {D_MLP}, 2 embeddings of {options.vocabulary}"
        for name in options.measures:
            roles = set(MEASURES[name].roles)
            model = next((m for m in models if roles & {weight.role for weight in m}), None)
            if model is None:
                continue
            ways = {
                "measure": partial(ni.measure, model, name, workers=1),
                "floor": partial(floor_of, model, name),
            }
            seconds = interleave(ways, options.rounds, time.process_time)
            floor = FLOORS.get(name, read).__name__
            told = [
                Measured(work=name, unit="CPU s", values=seconds["measure"]),
                Measured(work=f"floor of {name}", unit="CPU s", values=seconds["floor"]),
                replace(ratio(seconds, "measure", "floor"), work=name, against=floor),
            ]
            tell(case, told, write=options.write)


if __name__ == "__main__":
    main()
