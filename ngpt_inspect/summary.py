"""One screen on one or several checkpoints: how large, how far trained, how healthy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.runs import METRICS, is_run, read_metrics
from ngpt_inspect.tables import Progress, Source, measure, opened, parts
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Kind, Status, roles_of
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("condition_numbers", "eigen_learning_rates", "scaling_factors", "unit_norm")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of a checkpoint's summary."""

    item: str
    text: str
    value: float | None = None
    """The number in the text, where there is one."""


def summary(
    sources: Source | Sequence[Source], *, device: str = "cpu", progress: Progress | None = None
) -> pd.DataFrame:
    """Return the facts that tell checkpoints apart.

    Columns ``checkpoint, step, item, value, text``: sizes, tokens, validation loss at the last
    step that all the runs have evaluated, median and worst condition numbers (heads for
    attention, whole matrices for the MLP), mean eigen learning rates and scaling factors, and
    how many matrices are still on the hypersphere.

    Raises
    ------
    InspectError
        As `measure`.
    """
    import pandas as pd

    checkpoints = distinct(opened(sources))
    table = measure(checkpoints, MEASURES, device=device, progress=progress)
    losses = _losses(checkpoints)
    rows = []
    for checkpoint, loss in zip(checkpoints, losses, strict=True):
        mine = table[table["checkpoint"] == checkpoint.label]
        if checkpoint.step is not None:
            mine = mine[mine["step"] == checkpoint.step]
        rows += [
            (checkpoint.label, checkpoint.step, fact.item, fact.value, fact.text)
            for fact in (*_facts(checkpoint), *loss, *_health(mine))
        ]
    out = pd.DataFrame(rows, columns=["checkpoint", "step", "item", "value", "text"])
    out["step"] = out["step"].astype("Int64")
    out["value"] = out["value"].astype("float64")
    out.attrs = table.attrs
    return out


def _facts(checkpoint: WeightSet) -> Iterator[Fact]:
    shape = checkpoint.shape
    heads = "? heads" if shape.n_heads is None else f"{shape.n_heads} heads"
    yield Fact(item="family", text=f"{checkpoint.family} ({checkpoint.architecture})")
    yield Fact(
        item="parameters", text=f"{checkpoint.n_parameters:,}", value=checkpoint.n_parameters
    )
    yield Fact(item="size", text=f"{shape.n_layers} layers, {heads}, d {shape.d_model}")
    yield Fact(item="stored as", text=", ".join(checkpoint.dtypes))
    if checkpoint.step is not None:
        yield Fact(item="step", text=f"{checkpoint.step:,}", value=checkpoint.step)
    tokens = checkpoint.contents.lookup("reference_model.tokens")
    if isinstance(tokens, int):
        yield Fact(item="tokens", text=f"{tokens:,}", value=tokens)


def _losses(checkpoints: list[WeightSet]) -> list[list[Fact]]:
    """Return the validation loss of each run at the last step that all of them evaluated."""
    curves = []
    for checkpoint in checkpoints:
        folder = Path(checkpoint.contents.source).parent
        if is_run(folder) and (folder / METRICS).is_file():
            metrics = read_metrics(folder).dropna(subset="validation_loss")
            curves.append(dict(zip(metrics["step"], metrics["validation_loss"], strict=True)))
        else:
            curves.append({})
    common = set.intersection(*(set(curve) for curve in curves if curve)) if any(curves) else set()
    if not common:
        return [[] for _ in checkpoints]
    step = max(common)
    item = f"validation loss at step {step}"
    return [
        [Fact(item=item, text=f"{curve[step]:.4f}", value=curve[step])] if curve else []
        for curve in curves
    ]


def _health(rows: pd.DataFrame) -> Iterator[Fact]:
    yield from _conditions(rows)
    yield from _means(rows)
    yield from _hypersphere(rows)


def _conditions(rows: pd.DataFrame) -> Iterator[Fact]:
    found = parts(rows[rows["measure"] == "condition_number"])
    for role, group in found.groupby("role", sort=False):
        value = float(group["value"].median())
        yield Fact(item=f"condition number {role}, median", text=number(value), value=value)
    if len(found):
        worst = max(records(found), key=lambda row: row["value"])
        head = "" if worst["head"] is None else f" head {worst['head']}"
        text = f"{number(worst['value'])} ({worst['role']} layer {worst['layer']}{head})"
        yield Fact(item="condition number, worst", text=text, value=worst["value"])


def _means(rows: pd.DataFrame) -> Iterator[Fact]:
    wanted = [*roles_of(Kind.EIGEN_LEARNING_RATE, Kind.SCALING)]
    quantities = ["eigen_learning_rate", "scaling_factor"]
    measured = rows[rows["measure"].isin(quantities) & (rows["status"] != Status.SKIPPED)]
    for role in wanted:
        values = measured.loc[measured["role"] == str(role), "value"]
        if len(values):
            value = float(values.mean())
            yield Fact(item=f"{role}, mean", text=number(value), value=value)


def _hypersphere(rows: pd.DataFrame) -> Iterator[Fact]:
    unit = rows[rows["measure"] == "unit_norm"]
    deviation = rows.loc[rows["measure"] == "unit_deviation", "value"]
    if len(unit):
        n_unit, worst = int(unit["value"].sum()), float(deviation.max())
        text = f"{n_unit} of {len(unit)} matrices (largest deviation {number(worst)})"
        yield Fact(item="unit norm", text=text, value=n_unit / len(unit))
