"""Which runs of GPT a run of nGPT is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ngpt_inspect.later.pandas import pd

SAME = ["size", "context_length"]
"""What both must agree in."""


def pairs(runs: pd.DataFrame, remarks: list[str]) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the runs of one nGPT setting and seed with the plain GPT runs beside them.

    Of the same size and context; of the same batch size where there is one, else of the batch
    size with the most runs; of the same seed where there is one, else of the lowest.

    Parameters
    ----------
    runs
        One row a run.
    remarks
        Gets a sentence for whatever finds no partner, or not its own seed.
    """
    gpt = runs[(runs["family"] == "GPT") & (runs["variant"] == "")]
    ngpt = runs[runs["family"] == "nGPT"]
    for keys, mine in ngpt.groupby([*SAME, "variant", "batch_size", "seed"], sort=True):
        size, context, variant, batch, seed = cast("tuple[str, int, str, int, int]", keys)
        theirs = gpt[(gpt["size"] == size) & (gpt["context_length"] == context)]
        what = " ".join(["nGPT", *([variant] if variant else []), f"({size}, context {context})"])
        if theirs.empty:
            remarks.append(f"{what}: no GPT of that size and context to compare with.")
            continue
        theirs = _closest(theirs, "batch_size", batch, theirs["batch_size"].mode().iloc[0])
        if seed not in set(theirs["seed"]):
            remarks.append(f"{what}: no GPT of seed {seed}, compared with seed {_first(theirs)}.")
        yield (
            mine.sort_values("steps", kind="stable"),
            _closest(theirs, "seed", seed, _first(theirs)),
        )


def _closest(runs: pd.DataFrame, column: str, wanted: int, otherwise: int) -> pd.DataFrame:
    found = runs[runs[column] == wanted]
    return runs[runs[column] == otherwise] if found.empty else found


def _first(runs: pd.DataFrame) -> int:
    return int(runs["seed"].min())
