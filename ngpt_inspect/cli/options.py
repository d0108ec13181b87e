"""The options that commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

Checkpoints = Annotated[
    list[str], typer.Argument(metavar="CHECKPOINT...", help="One, or several side by side.")
]
Layers = Annotated[
    str | None, typer.Option("--layers", help="Only these layers, from 0: 0-3,7.", metavar="LIST")
]
Roles = Annotated[
    str | None, typer.Option("--roles", help="Only these roles: W_q,W_k.", metavar="LIST")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="table, csv, json, jsonl or parquet. By default what the name after -o says, "
        "else table.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write the data here, not to stdout.")
]
FigureFile = Annotated[
    Path | None,
    typer.Option("--figure", help="Also draw it: .html, or .pdf .svg .png with the export extra."),
]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
Above = Annotated[
    float | None, typer.Option("--fail-above", help="Exit with 1 if any value is above this.")
]
Below = Annotated[
    float | None, typer.Option("--fail-below", help="Exit with 1 if any value is below this.")
]
Steps = Annotated[str, typer.Option("--steps", help="Of a training run: last, all, or 100,200.")]
Heads = Annotated[
    int | None, typer.Option("--heads", help="Number of query heads, where files do not say.")
]
ArchitectureName = Annotated[
    str | None, typer.Option("--architecture", help="Name of the layout, where files do not tell.")
]
SpecFile = Annotated[
    Path | None,
    typer.Option("--spec", help="A layout of your own, as JSON (docs/specs.md).", metavar="FILE"),
]
Constants = Annotated[
    list[str] | None,
    typer.Option(
        "--constant",
        help="A number that files do not say, by its name in `tensors`: base_scale=0.03. "
        "Can be repeated.",
        metavar="NAME=VALUE",
    ),
]
AlphaInit = Annotated[
    float | None, typer.Option("--alpha-init", help="Initial alpha, where files do not say.")
]
Part = Annotated[
    str | None,
    typer.Option(
        "--part",
        help="Which set of weights, where a file holds several: ema beside model. Several with "
        "commas stand side by side.",
        metavar="NAME",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", help="How many small matrices at once; by default one a core, at most 8."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="Compute on a Dask cluster: tcp://HOST:8786.", metavar="URI"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.")]
