"""What each choice of nGPT is worth (Tables 4, 5 and 6), and SLERP instead of LERP.

Every row of the three tables trains an nGPT that differs from the paper's in one choice, at the
middle context length and nGPT's best learning rate there. Writes ablations.csv: one row per row of
a table and seed, with the learned means and the final loss.
"""

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from reference_model.checkpoint import checkpoint_path, load_model
from reference_model.config import NGPTConfig
from reference_model.experiments.command import run_experiment, table
from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.learning_rates import best_rates, rate_for
from reference_model.experiments.runs import Run, final_loss, plan
from reference_model.experiments.scales import Scale
from reference_model.model import NGPT, NGPTLayer

NAME = "ablations"
PAPER = {"alpha_init": 0.05, "s_z_init": 1.0}
"""The paper's start (section 2.6), in the place of the presets' for short runs."""
VECTORS = ("alpha_A", "alpha_M", "s_qk", "s_u", "s_nu", "s_z")
KINDS = ("s_qk", "s_mlp", "s_z", "alpha")
"""What Table 5 makes a vector per element, one scalar, or fixed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table."""

    table: str
    variant: str = ""
    """Empty for the baseline, which every table has."""
    parameter: str = ""
    init: str = ""
    scale: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


def table_4(d_model: int) -> list[Row]:
    """List initial value and scale of s_qk, of s_u and s_nu, and of s_z."""
    root = math.sqrt(d_model)
    numbers = {"1": 1.0, "0.33": 0.33, "0.05": 0.05, "sqrt(d)": root, "1/sqrt(d)": 1 / root}
    inverse = "1/sqrt(d)"
    settings = {
        "s_qk": [
            *(("1", inverse), ("0.33", inverse), ("0.05", inverse)),
            *(("1", "1"), ("0.33", "1"), ("0.05", "1")),
        ],
        "s_u & s_nu": [("1", "1"), (inverse, "1"), ("1", inverse), (inverse, inverse)],
        "s_z": [("1", inverse), ("sqrt(d)", inverse), ("1", "1"), ("sqrt(d)", "1")],
    }
    return [
        Row(
            table="4",
            variant="" if number == 0 else f"{parameter} init {init} scale {scale}",
            parameter=parameter,
            init=init,
            scale=scale,
            changes={
                f"{name}_{what}": numbers[value]
                for name in parameter.split(" & ")
                for what, value in (("init", init), ("scale", scale))
            },
        )
        for parameter, pairs in settings.items()
        for number, (init, scale) in enumerate(pairs)
    ]


def table_5() -> list[Row]:
    """Make each a vector per element (v), one learned scalar (s) or a fixed value (f)."""
    words = {"v": "element", "s": "scalar", "f": "fixed"}
    lines = ["vvvv", "svvv", "vsvv", "vvsv", "vvvs", "ssvv", "sssv", "ssss"]
    lines += ["fvvv", "vfvv", "ffvv", "ffsv"]
    return [
        Row(
            table="5",
            variant="" if line == "vvvv" else f"kinds {line}",
            changes={
                f"{name}_granularity": words[letter]
                for name, letter in zip(KINDS, line, strict=True)
            },
        )
        for line in lines
    ]


def other_tables() -> list[Row]:
    """Table 6, the question SLERP or LERP, and the start the presets for short runs take."""
    return [
        Row(table="6"),
        Row(table="6", variant="no QK norm", changes={"qk_norm": False}),
        Row(table="slerp"),
        Row(table="slerp", variant="slerp", changes={"interpolation": "slerp"}),
        Row(table="start"),
        Row(
            table="start",
            variant="alpha 0.2 s_z 10",
            parameter="alpha, s_z",
            init="0.2, 10",
            scale="1/sqrt(d)",
            changes={"alpha_init": 0.2, "s_z_init": 10.0},
        ),
    ]


def planned(scale: Scale, rate: float, row: Row, seed: int) -> Run:
    """Plan the run behind one row."""
    return plan(
        scale,
        "ngpt",
        context_length=scale.middle_context,
        steps=scale.ablation_steps,
        rate=rate,
        seed=seed,
        variant=row.variant or "paper",
        **(PAPER | dict(row.changes)),
    )


def learned_means(model: NGPT) -> dict[str, float]:
    """Mean of each effective learned vector over layers and coordinates (section 2.5), |.|."""
    found: dict[str, list[Tensor]] = {"s_z": [model.scaling.effective(model.s_z)]}
    for layer in cast(list[NGPTLayer], model.layers):
        attention, mlp = layer.attention, layer.mlp
        for name, scaling, stored in (
            ("alpha_A", layer.scaling, layer.alpha_A),
            ("alpha_M", layer.scaling, layer.alpha_M),
            ("s_qk", attention.scaling, attention.s_qk),
            ("s_u", mlp.scaling_u, mlp.s_u),
            ("s_nu", mlp.scaling_nu, mlp.s_nu),
        ):
            found.setdefault(name, []).append(scaling.effective(stored))
    return {
        name: torch.cat([v.flatten() for v in found[name]]).abs().mean().item() for name in VECTORS
    }


def result(laboratory: Laboratory, row: Row, run: Run) -> dict[str, Any]:
    """One row of the CSV."""
    config = cast(NGPTConfig, run.model)
    loss = final_loss(run, laboratory.folder(run))
    path = checkpoint_path(laboratory.folder(run), run.training.steps)
    means: dict[str, Any] = dict.fromkeys(VECTORS)
    if loss is not None:
        means = learned_means(cast(NGPT, load_model(path)))
    return {
        **run.identity,
        "variant": row.variant,
        "table": row.table,
        "parameter": row.parameter,
        "init": row.init,
        "scale": row.scale,
        **{f"{kind}_kind": getattr(config, f"{kind}_granularity") for kind in KINDS},
        "qk_norm": config.qk_norm,
        "interpolation": config.interpolation,
        **means,
        "validation_loss": loss,
    }


def experiment(laboratory: Laboratory, _: argparse.Namespace) -> str:
    """Train all rows, write them, and lay out losses relative to the baseline's."""
    scale = laboratory.scale
    context_length, steps = scale.middle_context, scale.ablation_steps
    rate = rate_for(best_rates(laboratory), "ngpt", context_length, steps)
    d_model = plan(scale, "ngpt", context_length=context_length, steps=1, rate=rate).model.d_model
    rows = [*table_4(d_model), *table_5(), *other_tables()]
    runs = [(row, planned(scale, rate, row, seed)) for seed in scale.ablation_seeds for row in rows]
    laboratory.train(run for _, run in runs)
    found = [result(laboratory, row, run) for row, run in runs]
    laboratory.keep(NAME, found, (run for _, run in runs))
    return _overview(found)


def _overview(found: list[dict[str, Any]]) -> str:
    baseline = {row["seed"]: row["validation_loss"] for row in found if not row["variant"]}
    lines = [["table", "seed", "variant", "loss", "to baseline"]]
    for row in found:
        loss, base = row["validation_loss"], baseline[row["seed"]]
        shown = ["diverged", ""]
        if loss is not None:
            shown = [f"{loss:.4f}", f"{100 * (loss / base - 1):+.2f} %" if base else ""]
        lines.append([row["table"], str(row["seed"]), row["variant"] or "paper", *shown])
    return table(lines)


main = partial(run_experiment, experiment, NAME, __doc__)

if __name__ == "__main__":
    sys.exit(main())
