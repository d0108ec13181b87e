"""Draws the pictures of docs/measures/: ``python docs/measure_images.py`` after `make demo`.

The figure that has the measure's name is drawn; small, for they are only to be looked at. Of the
changes those between the steps of the nGPT, of activations the states of traces that lie beside the
runs, as ``gpt.safetensors`` and ``ngpt.safetensors`` (`reference_model.trace`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from measure_pages import IMAGES

import ngpt_inspect as ni
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.measures import MEASURES

TRACES = ["gpt.safetensors", "ngpt.safetensors"]
RUNS = Path(__file__).parents[1] / "runs" / "demo"


def main(runs: Path, names: list[str]) -> None:
    """Draw the measures of these names, or all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    own = {"changes": ("changes", ["ngpt"]), "path": ("path_states", TRACES)}
    for name in names or sorted({*(set(MEASURES) & set(FIGURES)), *own}):
        figure, sources = own.get(name, (name, ["gpt", "ngpt"]))
        drawn = ni.figure(figure, [runs / each for each in sources])
        (IMAGES / f"{name}.png").write_bytes(drawn.to_image(format="png", scale=1.25))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else RUNS, sys.argv[2:])
