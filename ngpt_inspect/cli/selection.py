"""What the words of a command line mean: checkpoints, layers, steps, names."""

from __future__ import annotations

from pathlib import Path

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.runs import checkpoints_of
from ngpt_inspect.weights import WeightSet

MOST_LAYERS = 100_000
"""No model has more; a longer range is a slip of the finger."""


def models_named(
    sources: list[str],
    steps: str,
    heads: int | None,
    architecture: str | None,
    alpha_init: float | None,
    *,
    spec: Path | None = None,
    constants: list[str] | None = None,
) -> list[WeightSet]:
    """Open what a command line names, every step of a run that is asked for."""
    given = constants_named(constants)
    if alpha_init is not None:
        given["alpha_init"] = alpha_init
    return [
        open_checkpoint(path, heads=heads, architecture=architecture, spec=spec, constants=given)
        for source in sources
        for path in checkpoints_of(source, steps)
    ]


def constants_named(words: list[str] | None) -> dict[str, float]:
    """Return the numbers of ``base_scale=0.03``."""
    given = {}
    for word in words or []:
        name, sign, value = word.partition("=")
        try:
            given[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise WrongOption(
                f"{word!r} is no name with a number", where="--constant", next_step="say NAME=0.05"
            )
    return given


def layers_named(text: str | None) -> list[int] | None:
    """Return the layers of ``0-3,7``."""
    if text is None:
        return None
    layers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _whole_number(first, "--layers")
        stop = _whole_number(last, "--layers") if dash else start
        if not 0 <= stop - start < MOST_LAYERS:
            raise WrongOption(f"{part} names no layers", where="--layers", next_step="say 0-3,7")
        layers += range(start, stop + 1)
    return layers


def _whole_number(text: str, option: str) -> int:
    if not text.strip().isdecimal():
        raise WrongOption(f"{text!r} is not a whole number", where=option, next_step="say 0-3,7")
    return int(text)


def names(text: str | None) -> list[str] | None:
    """Return the names of a list with commas."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
