"""Numbers of docs/reproduction.md, from the CSV files of the experiments.

Factors and perplexities of several seeds are averaged geometrically by the tables of
`ngpt_inspect.results`; what is printed is rounded once, from those.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pandas as pd
from markdown_table import table
from paper_ablations import HERE_ONLY, TABLE_4, TABLE_5, TABLE_6

from ngpt_inspect.results import training_results
from reference_model.config import Architecture
from reference_model.model import build_model
from reference_model.presets import model_config

RESULTS = Path(__file__).parents[1] / "results"
CONTEXTS = (64, 256, 512)
PAPER_SPEED_UP = {64: "4x (1k)", 256: "10x (4k)", 512: "20x (8k)"}
FAMILIES = ("GPT", "nGPT")
ATTENTION = ("W_q", "W_k", "W_v", "W_o", "QK", "OV")
TIMES = (1, 2, 4, 8, 16)
"""Evaluated length over trained length."""
BOUND = {"": "", "lower": "≥ ", "upper": "≤ "}


@cache
def results(name: str, scale: str = "tiny") -> pd.DataFrame:
    """Return a table of results."""
    return training_results(name, RESULTS / scale)


def speed_up() -> str:
    """Return the speed-up by context and budget: geometric mean, and each seed in order."""
    seeds = results("speed_up").sort_values("seed").groupby(["context_length", "steps"])["speed_up"]
    means = results("final_losses").query("family == 'nGPT'")
    means = means.set_index(["context_length", "steps"])["speed_up"]
    budgets = sorted(means.index.unique("steps"))

    def cell(context: int, steps: int) -> str:
        each = ", ".join(f"{factor:.2f}" for factor in seeds.get_group((context, steps)))
        return f"{means[context, steps]:.2f}x ({each})"

    first, *others = (f"{steps} steps" for steps in budgets)
    return table(
        ("", "paper, 0.5B and 1B", f"nGPT {first}", *others),
        (
            (
                f"context x{context // CONTEXTS[0]}",
                PAPER_SPEED_UP[context],
                *(cell(context, steps) for steps in budgets),
            )
            for context in CONTEXTS
        ),
    )


def more_tokens() -> str:
    """Return losses, the factor of each seed and GPT's slope by budget, of `contrast`."""
    rows = results("final_losses", "contrast").sort_values("steps")
    seeds = results("speed_up", "contrast").sort_values("seed")
    weights = {architecture: _n_weights(architecture) for architecture in ("gpt", "ngpt")}
    gpt = rows.query("family == 'GPT'").set_index("steps")["validation_loss"]
    lines = []
    for _, row in rows.sort_values(["family", "steps"]).iterrows():
        each = weights[row["family"].lower()]
        factor, slope = "", ""
        if row["family"] == "nGPT":
            mine = seeds[seeds["steps"] == row["steps"]]
            factor = ", ".join(
                f"{BOUND[bound]}{times:.2f}x"
                for bound, times in zip(mine["bound"], mine["speed_up"], strict=True)
            )
            slope = f"{_fall(gpt, mine['gpt_steps'].max()):.3f}"
        lines.append(
            (
                *(row["family"], f"{row['steps']:,}", f"{row['tokens'] / 1e6:.1f}"),
                *(f"{row['tokens'] / each:.0f}", f"{1000 * row['learning_rate']:g}e-3"),
                *(_losses_of_seeds(row), factor, slope),
            )
        )
    head = ("", "steps", "million tokens", "tokens a weight", "rate", "loss, mean and seeds")
    return table((*head, "factor", "GPT's fall a doubling there"), lines)


def _losses_of_seeds(row: pd.Series) -> str:
    losses = final_rows("contrast")
    for name in ("family", "steps", "learning_rate"):
        losses = losses[losses[name] == row[name]]
    each = ", ".join(f"{loss:.4f}" for loss in losses.sort_values("seed")["validation_loss"])
    return f"{row['validation_loss']:.4f} ({each})" if len(losses) > 1 else each


@cache
def final_rows(scale: str) -> pd.DataFrame:
    """Return the losses at the ends of all runs of a scale."""
    return results("losses", scale).query("step == steps")


def rates_of_more_tokens() -> str:
    """Return the final loss of seed 0 by learning rate, of `contrast`."""
    return _by_rate(final_rows("contrast").query("seed == 0"))


def _n_weights(architecture: Architecture) -> int:
    """Return how many weights a model of the scale has."""
    model = build_model(model_config(architecture, "contrast"))
    return sum(each.numel() for each in model.parameters())


def _fall(losses: pd.Series, steps: float) -> float:
    """Return by how much a loss falls as steps double, between the budgets around some."""
    right = min(max(losses.index.searchsorted(steps), 1), len(losses) - 1)
    (s0, m0), (s1, m1) = list(losses.items())[right - 1 : right + 1]
    return (m0 - m1) / math.log2(s1 / s0)


def decay_exposure() -> str:
    """Return condition numbers of the first layer by exposure, geometric means over seeds."""
    rows = results("exposed_condition_numbers").query("layer == 0")
    by = ["family", "recipe", "weight_decay", "learning_rate", "exposure"]
    # a matrix that is spared from decay has an exposure of its own: the run's is the largest
    rows = rows.assign(exposure=rows.groupby(by[:-1])["exposure"].transform("max"))
    lines = []
    for (family, recipe, decay, rate, exposure), group in rows.groupby(by, sort=True):
        loss, seeds = f"{group['validation_loss'].iloc[0]:.3f}", str(group["runs"].iloc[0])
        settings = (family, recipe, f"{decay:g}", f"{rate:g}", f"{exposure:.1f}")
        lines.append((*settings, loss, seeds, *_kappas(group)))
    head = ("", "recipe", "decay", "rate", "E", "loss", "seeds", *ATTENTION)
    return table(head, lines)


def paper_length() -> str:
    """Return condition numbers after the paper's number of steps, by layer."""
    rows = results("paper_length").query("step == steps")
    lines = []
    for (family, layer), group in rows.groupby(["family", "layer"], sort=True):
        exposure, loss = group["exposure"].max(), group["validation_loss"].iloc[0]
        lines.append((family, str(layer), f"{exposure:.1f}", f"{loss:.3f}", *_kappas(group)))
    return table(("", "layer", "E", "loss", *ATTENTION), lines)


def heads_and_depth() -> str:
    """Return the condition numbers of W_q and of QK by layer, a line a head width."""
    rows = results("heads_and_depth").query("step == steps")
    layers = sorted(rows["layer"].unique())
    lines = []
    by = ["weight", "family", "d_k"]
    for (weight, family, d_k), group in rows.query("weight in ('W_q', 'QK')").groupby(by):
        kappa = group.set_index("layer")["condition_number"]
        loss = f"{group['validation_loss'].iloc[0]:.3f}"
        lines.append((weight, family, str(d_k), loss, *(_kappa(kappa[n]) for n in layers)))
    return table(("", "", "d_k", "loss", *(f"layer {n}" for n in layers)), lines)


def _kappas(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the condition numbers of attention's matrices and products, one row each."""
    kappa = rows.set_index("weight")["condition_number"]
    return tuple(_kappa(kappa[weight]) for weight in ATTENTION)


def _kappa(value: float) -> str:
    return f"{value:,.3g}" if value < 1e4 else f"{value:.1e}"


def learning_rates() -> str:
    """Return the final loss of seed 0 by learning rate, the lowest of a row in bold."""
    return _by_rate(final_rows("tiny").query("context_length == 256 and seed == 0"))


def _by_rate(losses: pd.DataFrame) -> str:
    losses = losses.set_index(["family", "steps", "learning_rate"])["validation_loss"].sort_index()
    budgets = [
        (steps, family)
        for steps in sorted(losses.index.unique("steps"))
        for family in FAMILIES
        if len(losses.get((family, steps), ())) > 1
    ]
    rates = sorted(losses.index.unique("learning_rate"))

    def row(steps: int, family: str) -> list[str]:
        grid = losses[family, steps]
        cells = (f"{grid[r]:.3f}" for r in rates)
        return [
            f"**{c}**" if grid[r] == grid.min() else c for r, c in zip(rates, cells, strict=True)
        ]

    return table(
        ("", *(f"{1000 * rate:g}e-3" for rate in rates)),
        ((f"{family}, {steps} steps", *row(steps, family)) for steps, family in budgets),
    )


@cache
def changes() -> dict[str, list[float]]:
    """Return the change of the loss of each variant against its seed's baseline, in %, by seed."""
    rows = results("ablations").drop_duplicates(["variant", "seed"])
    loss = rows.pivot(index="variant", columns="seed", values="validation_loss")
    return {str(name): list(row) for name, row in (100 * (loss / loss.loc[""] - 1)).iterrows()}


def _change(variant: str) -> str:
    return ", ".join(f"{value:+.2f}" for value in changes()[variant]).replace("-", "−") + " %"


def table_4() -> str:
    """Return other inits and scales beside the paper's Table 4."""
    last = ""
    rows = []
    for (parameter, init, scale), paper in TABLE_4.items():
        variant = f"{parameter} init {init} scale {scale}"
        shown = "" if parameter == last else parameter.replace("nu", "ν")
        settings = f"{init}, {scale}".replace("1/sqrt(d)", "1/√d").replace("sqrt(d)", "√d")
        rows.append((shown, settings, paper, _change(variant)))
        last = parameter
    return table(("Table 4", "init, scale", "paper", "here"), rows)


def table_5() -> str:
    """Return other kinds of vectors beside the paper's Table 5."""
    head = "Table 5 (v vector, s scalar, f fixed: s_qk, s_u & s_ν, s_z, α)"
    return table(
        (head, "paper", "here"),
        ((" ".join(kinds), paper, _change(f"kinds {kinds}")) for kinds, paper in TABLE_5.items()),
    )


def other_ablations() -> str:
    """Return the ablation of the paper's Table 6, and what the paper has not."""
    rows = [(label, paper, _change(name)) for name, (label, paper) in TABLE_6.items()]
    rows += [(label, "not measured", _change(name)) for name, label in HERE_ONLY.items()]
    return table(("others", "paper", "here"), rows)


def perplexities() -> pd.Series:
    """Return perplexities by text, family, context and evaluated over trained length."""
    rows = results("perplexities")
    times = (rows["evaluated_length"] // rows["context_length"]).rename("times")
    keys = [rows["text"], rows["family"], rows["context_length"], times]
    return rows["perplexity"].groupby(keys).agg("first")


def longer_context() -> str:
    """Return perplexity by evaluated length: geometric means over seeds."""
    found = perplexities()
    rows = []
    for text in ("held-out", "out-of-domain"):
        rows += [[f"**{text}**", *[""] * len(TIMES)]] if text != "held-out" else []
        for family in FAMILIES:
            for context in CONTEXTS:
                values = (f"{found[text, family, context, times]:.1f}" for times in TIMES)
                rows.append([f"{family}, context {context}", *values])
    return table(("held-out", *(f"x{times}" for times in TIMES)), rows)


def downstream_tasks() -> str:
    """Return accuracies after the last step, with their standard errors over documents."""
    rows = results("downstream_accuracy").query("step == steps")
    lines = []
    for (metric, task), group in rows.groupby(["metric", "task"], sort=True):
        of = group.set_index("family")
        cells = (
            f"{of['accuracy'][family]:.3f} ± {of['standard_error'][family]:.3f}"
            for family in FAMILIES
        )
        lines.append([task, metric, f"{of['chance']['GPT']:g}", *cells])
    return table(("task", "metric", "at random", *FAMILIES), lines)


def growth() -> str:
    """Return how far held-out perplexity grows from the first to the last length, by family."""
    found = perplexities()["held-out"]
    told = []
    for family in FAMILIES:
        grown = [
            100 * (found[family, context, TIMES[-1]] / found[family, context, TIMES[0]] - 1)
            for context in CONTEXTS
        ]
        told.append(f"{min(grown):.0f} to {max(grown):.0f} % for {family}")
    return ", ".join(told)


def step_time() -> str:
    """Return the ratio of the times of a step: its median over rounds, and the quartiles."""
    rows = results("step_time_ratios")
    ratios = 100 * (rows[["ratio", "ratio_low", "ratio_high"]] - 1)
    return table(
        ("tokens of context", "nGPT over GPT", "quartiles"),
        (
            (str(context), f"{mid:+.1f} %", f"{low:+.1f} to {high:+.1f} %")
            for context, (_, mid, low, high) in zip(
                rows["context_length"], ratios.itertuples(), strict=True
            )
        ),
    )


MAKERS = {
    "speed up": speed_up,
    "more tokens": more_tokens,
    "rates of more tokens": rates_of_more_tokens,
    "decay exposure": decay_exposure,
    "paper length": paper_length,
    "heads and depth": heads_and_depth,
    "learning rates": learning_rates,
    "ablations table 4": table_4,
    "ablations table 5": table_5,
    "ablations others": other_ablations,
    "longer context": longer_context,
    "growth of perplexity": growth,
    "step time": step_time,
    "downstream tasks": downstream_tasks,
}
