"""Where numbers lie in the models at hand: ``python docs/measure_ranges.py NAME=PATH...``.

A path is a checkpoint, the folder of a run (whose steps are compared too) or a trace. Writes
docs/measures/at_hand.csv, a row for each quantity and model, which the pages of measures print;
random matrices and points are models too. The values of all layers, heads and rows count alike;
those that are not `ok` do not count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from markdown_table import table

import ngpt_inspect as ni
from ngpt_inspect.comparing import QUANTITIES as CHANGES
from ngpt_inspect.measures import MEASURES, Measure
from ngpt_inspect.runs import checkpoints_of
from ngpt_inspect.traces import MEANS, is_trace
from ngpt_inspect.vocabulary import Role

AT_HAND = Path(__file__).parent / "measures" / "at_hand.csv"
LEVELS = {"low": (0.05, "lower"), "median": (0.5, "linear"), "high": (0.95, "higher")}
"""Quantiles; at the ends values that occur: of up to 20 the least and the largest."""
APART = 2
"""A measure of no more roles has a row for each: QK and OV, input and output embeddings."""
OF_STATES = tuple(name for name in MEANS if not name.endswith("probability"))
OF_HEADS = ("attention_entropy", "attention_to_first")
DRAWS = 200
MATRICES = ((16, 64), (64, 64), (64, 256), (64, 1024))
POINTS = ((512, 64), (1024, 64))
RANDOM = {
    **dict.fromkeys(("condition_numbers", "power_law", "singular_values"), MATRICES),
    **dict.fromkeys(("dot_products", "embedding_spectrum", "nearest_tokens", "uniformity"), POINTS),
}
"""Measure -> shapes of the random matrices; of the others the pages have a formula."""


def told_of(each: Measure) -> list[str]:
    """Return the quantities that are compared over models."""
    told = [each.headline, *each.shown, *(followed.series for followed in each.followed.values())]
    return list(dict.fromkeys(name for series in told for name in (series.measure, str(series))))


def _summarised(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return where the values of each quantity and role lie."""
    values = rows.dropna(subset="value").groupby(["quantity", "role"])["value"]
    found = {word: values.quantile(level, how) for word, (level, how) in LEVELS.items()}
    return pd.DataFrame(found).assign(model=model, values=values.size()).reset_index()


def _plain(found: pd.DataFrame, *, apart: bool) -> pd.DataFrame:
    """Return quantity, role and value of the rows that are `ok`."""
    rows = found[found["status"] == "ok"]
    statistic = rows["statistic"].astype(object).fillna("")
    quantity = (statistic + " " + rows["measure"].astype(object)).str.strip()
    role = rows["role"].astype(object).fillna("") if apart else ""
    return pd.DataFrame({"quantity": quantity, "role": role, "value": rows["value"]})


def _of_model(path: str) -> Iterator[pd.DataFrame]:
    for each in MEASURES.values():
        rows = _plain(pd.DataFrame(ni.measure(path, each.name)), apart=len(each.roles) <= APART)
        yield rows[rows["quantity"].isin(told_of(each))]
    if len(checkpoints_of(path, "all")) > 1:
        rows = _plain(pd.DataFrame(ni.changes(path)), apart=False)
        yield rows[rows["quantity"].isin([*CHANGES, "median row_angle"])]


def _of_trace(path: str) -> Iterator[pd.DataFrame]:
    found = ni.path(path)
    for kind, names in (("state", OF_STATES), ("head", OF_HEADS)):
        rows = found[found["row"] == kind]
        yield pd.DataFrame(rows)[list(names)].melt(var_name="quantity").assign(role="")


def _of_random(each: Measure, shape: tuple[int, ...]) -> Iterator[pd.DataFrame]:
    """Yield what a measure gives of matrices of normal entries of variance 1 / columns."""
    draw = torch.Generator().manual_seed(0)
    drawn = {str(n): torch.randn(shape, generator=draw) / shape[1] ** 0.5 for n in range(DRAWS)}
    role = Role.E_INPUT if Role.E_INPUT in each.roles else None
    options = {option.name: option.default for option in each.options}
    for weight in ni.open_checkpoint(drawn):
        for found in each.compute(replace(weight, role=role), options, "cpu"):
            name = f"{found.statistic or ''} {found.measure}".strip()
            if name in told_of(each):
                value = np.atleast_1d(np.asarray(found.value, np.float64))
                yield pd.DataFrame({"quantity": name, "role": "", "value": value})


def _all(models: Iterable[str]) -> Iterator[pd.DataFrame]:
    for name, path in (model.split("=", 1) for model in models):
        found = _of_trace(path) if is_trace(path) else _of_model(path)
        yield _summarised(pd.concat(found), name)
    for measure, shapes in RANDOM.items():
        for shape in shapes:
            drawn = pd.concat(_of_random(MEASURES[measure], shape))
            yield _summarised(drawn, f"random {shape[0]} × {shape[1]}")


def table_of(quantities: Iterable[str]) -> str:
    """Return a table of the ranges of quantities, or nothing where no model at hand has any."""
    found = pd.read_csv(AT_HAND, keep_default_na=False, dtype={"role": str})
    found = found[found["quantity"].isin(list(quantities))]
    if found.empty:
        return ""
    roles = ("role",) * any(found["role"])
    head = ("quantity", *roles, "model", "values", "5 % or least", "median", "95 % or largest")
    rows = [
        (
            f"`{row['quantity']}`",
            *(row[name] for name in roles),
            row["model"],
            str(row["values"]),
            *(f"{row[level]:.3g}" for level in LEVELS),
        )
        for _, row in found.iterrows()
    ]
    return table(head, rows)


def main(models: list[str]) -> None:
    """Measure and write."""
    found = pd.concat(_all(models)).sort_values("quantity", kind="stable")
    columns = ["quantity", "role", "model", "values", *LEVELS]
    found[columns].to_csv(AT_HAND, index=False, float_format="%.4g")


if __name__ == "__main__":
    main(sys.argv[1:])
