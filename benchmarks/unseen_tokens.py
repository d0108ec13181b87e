"""How well indicators of under-trained tokens tell those that training never met.

``python benchmarks/unseen_tokens.py runs/demo/gpt runs/demo/ngpt``: recounts the batches of the
runs (as `make demo` trains them) and prints, for each indicator, the probability that a token
that never occurred has a larger value than one that did (the area under its ROC curve).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

import ngpt_inspect as ni
from ngpt_inspect.measures.token_health import THRESHOLD
from reference_model.checkpoint import checkpoint_path, read_header
from reference_model.data import load_text

INDICATORS = ("norm", "mean_cosine", "nearest_cosine", "s_z", "unused_cosine")
KNOWN = 10
"""Tokens among those that never occurred that `unused_cosine` is given; they are not judged."""


def unseen(run: Path) -> np.ndarray:
    """Return which tokens occurred in no training batch of a run of the default corpus."""
    last = ni.open_checkpoint(run)
    header = read_header(checkpoint_path(run, last.step or 0))
    data = load_text([], "bpe", last.shape.vocab_size, run.parent)
    settings, length = header.training, header.config["context_length"]
    count = np.zeros(data.vocab_size, int)
    for step in range(header.step):
        for part in data.batch(header.seed, step, settings["batch_size"], length):
            count += np.bincount(part.numpy().ravel(), minlength=data.vocab_size)
    return count == 0


def larger(values: np.ndarray, positive: np.ndarray) -> float:
    """Return P(a positive has a larger value than a negative), ties counting half."""
    n_positive, n_negative = positive.sum(), (~positive).sum()
    ranks = rankdata(values)[positive].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def main() -> None:
    """Print the table, and what the default thresholds mark."""
    parser = argparse.ArgumentParser(description="Compare indicators of under-trained tokens.")
    parser.add_argument("runs", type=Path, nargs="+")
    runs = parser.parse_args().runs
    never = unseen(runs[0])
    known = np.random.default_rng(0).permutation(np.flatnonzero(never))[:KNOWN]
    print(f"{never.sum()} of {len(never)} tokens never occurred; {len(known)} of them are given")
    print(f"| checkpoint | role | {' | '.join(INDICATORS)} |\n|---|---|{'---|' * len(INDICATORS)}")
    table = ni.token_table(runs, unused=",".join(map(str, known)))
    judged = ~np.isin(np.arange(len(never)), known)
    for (label, role), rows in table.groupby(["checkpoint", "role"], sort=False):
        told = rows.sort_values("token")
        cells = []
        for name in INDICATORS:
            values = told[name].to_numpy(float)
            kept = judged if name == "unused_cosine" else np.ones_like(never)
            there = np.isfinite(values).all()
            cells.append(f"{larger(values[kept], never[kept]):.3f}" if there else "-")
        print(f"| {label} | {role} | {' | '.join(cells)} |")
        low = (told["norm_z"] < -THRESHOLD).to_numpy()
        near = (told["near_duplicates"] > 0).to_numpy()
        print(
            f"low norm: {low.sum()}, {(low & never).sum()} of them never occurred; "
            f"near-duplicates: {near.sum()}, {(near & never).sum()} of them never occurred"
        )


if __name__ == "__main__":
    main()
