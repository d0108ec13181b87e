"""The options that commands share, each declared once, in the groups that ``--help`` shows."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ngpt_inspect.cli.hub import on_hub

OPENING = "What is opened"
CHOOSING = "What is looked at"
WRITING = "What is written"
COMPUTING = "How it is computed"
JUDGING = "What fails a script"


def _option(*words: str, group: str, **facts: Any) -> Any:
    return typer.Option(*words, rich_help_panel=group, **facts)


Checkpoints = Annotated[
    list[str],
    typer.Argument(metavar="CHECKPOINT...", help="One, or several side by side.", callback=on_hub),
]
Layers = Annotated[
    str | None,
    _option("--layers", help="Only these layers, from 0: 0-3,7.", metavar="LIST", group=CHOOSING),
]
Roles = Annotated[
    str | None,
    _option("--roles", help="Only these roles: W_q,W_k.", metavar="LIST", group=CHOOSING),
]
FigureNames = Annotated[
    str | None, _option("--names", help="Only these figures.", metavar="LIST", group=CHOOSING)
]
Format = Annotated[
    str | None,
    _option(
        "--format",
        help="table, csv, json, jsonl or parquet. By default what the name after -o says, "
        "else table.",
        group=WRITING,
    ),
]
Output = Annotated[
    Path | None,
    _option("-o", "--output", help="Write the data here, not to stdout.", group=WRITING),
]
FigureFile = Annotated[
    Path | None,
    _option(
        "--figure",
        help="Also draw it: .html, or .pdf .svg .png with the export extra.",
        group=WRITING,
    ),
]
Quiet = Annotated[bool, _option("--quiet", "-q", help="No notes, no progress.", group=WRITING)]
Above = Annotated[
    float | None,
    _option("--fail-above", help="Exit with 1 if any value is above this.", group=JUDGING),
]
Below = Annotated[
    float | None,
    _option("--fail-below", help="Exit with 1 if any value is below this.", group=JUDGING),
]
RulesFile = Annotated[
    Path | None,
    _option(
        "--rules",
        help="Rules, as TOML (docs/rules.md); by default those of $NGPT_INSPECT_RULES, or the "
        "shipped ones.",
        metavar="FILE",
        group=JUDGING,
    ),
]
Device = Annotated[str, _option("--device", help="cpu or cuda.", group=COMPUTING)]
Workers = Annotated[
    int | None,
    _option(
        "--workers",
        help="How many small matrices at once; by default one a core, at most 8.",
        group=COMPUTING,
    ),
]
Scheduler = Annotated[
    str | None,
    _option(
        "--scheduler",
        help="Compute on a Dask cluster: tcp://HOST:8786.",
        metavar="URI",
        group=COMPUTING,
    ),
]
To = Annotated[
    list[str] | None,
    _option(
        "--to",
        help="A tracker: tensorboard=FOLDER, wandb=PROJECT, trackio=PROJECT, mlflow=EXPERIMENT. "
        "Can be repeated.",
        metavar="TRACKER",
        group=WRITING,
    ),
]
HeadSeries = Annotated[
    bool, _option("--head-series", help="To trackers also a series for each head.", group=WRITING)
]
MeasureNames = Annotated[
    str | None,
    _option(
        "--measures",
        help="Which measures, with commas: condition_numbers,unit_norm. By default those that the "
        "rules read.",
        metavar="LIST",
        group=CHOOSING,
    ),
]
Steps = Annotated[
    str, _option("--steps", help="Of a training run: last, all, or 100,200.", group=OPENING)
]
Heads = Annotated[
    int | None,
    _option("--heads", help="Number of query heads, where files do not say.", group=OPENING),
]
ArchitectureName = Annotated[
    str | None,
    _option("--architecture", help="Name of the layout, where files do not tell.", group=OPENING),
]
SpecFile = Annotated[
    Path | None,
    _option(
        "--spec",
        help="A layout of your own, as JSON (docs/specs.md).",
        metavar="FILE",
        group=OPENING,
    ),
]
Constants = Annotated[
    list[str] | None,
    _option(
        "--constant",
        help="A number that files do not say, by its name in `tensors`: base_scale=0.03. "
        "Can be repeated.",
        metavar="NAME=VALUE",
        group=OPENING,
    ),
]
AlphaInit = Annotated[
    float | None,
    _option("--alpha-init", help="Initial alpha, where files do not say.", group=OPENING),
]
Part = Annotated[
    str | None,
    _option(
        "--part",
        help="Which set of weights, where a file holds several: ema beside model. Several with "
        "commas stand side by side.",
        metavar="NAME",
        group=OPENING,
    ),
]
