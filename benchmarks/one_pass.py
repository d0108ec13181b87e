"""Everything that is asked of all pairs of embeddings, against the bare products made once.

Run: python benchmarks/one_pass.py --vocabulary 32000 --size 768 --rounds 3 [--cpu-time]
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import torch
from dot_products import bare_products
from interleave import interleave, ratio, with_ratios
from recording import add_option, tell

from ngpt_inspect.numerics.clouds import covariance_matrix, eigenvalues_of
from ngpt_inspect.numerics.gram import gram_matrix
from ngpt_inspect.numerics.neighbours import Closest
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots
from ngpt_inspect.numerics.spread import Covering


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--size", type=int, default=768, help="columns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true", help="seconds of all cores, not of day")
    add_option(parser)
    options = parser.parse_args()

    torch.manual_seed(0)
    x = torch.randn(options.vocabulary, options.size) * 0.02
    raw, cosines = (Dots(normalize=flag, bins=200, exact=True) for flag in (False, True))
    near, even = Closest(0.95), Covering(10)
    clock = time.process_time if options.cpu_time else time.perf_counter
    case = f"V = {options.vocabulary}, d = {options.size}, {torch.get_num_threads()} threads"
    ways = {
        "together": partial(all_pairs, x, [raw, cosines, near, even]),
        "together but for uniformity": partial(all_pairs, x, [raw, cosines, near]),
        "dot products": partial(all_pairs, x, [raw]),
        "cosines": partial(all_pairs, x, [cosines]),
        "nearest rows": partial(all_pairs, x, [near]),
        "uniformity": partial(all_pairs, x, [even]),
        "bare tiled products": partial(bare_products, x),
    }
    seconds = interleave(ways, options.rounds, clock)
    told = with_ratios(seconds, "together", clock)
    told.append(ratio(seconds, "together but for uniformity", "bare tiled products"))
    tell(case, told, write=options.write)

    def bare_spectrum() -> torch.Tensor:
        return torch.linalg.eigvalsh(gram_matrix(x))

    spectra = {
        "covariance spectrum": lambda: eigenvalues_of(covariance_matrix(x)),
        "one Gram product and eigvalsh": bare_spectrum,
    }
    told = with_ratios(interleave(spectra, options.rounds, clock), "covariance spectrum", clock)
    tell(case, told, write=options.write)


if __name__ == "__main__":
    main()
