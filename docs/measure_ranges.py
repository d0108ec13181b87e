"""Where numbers lie in the models at hand: ``python docs/measure_ranges.py NAME=PATH...``.

Writes docs/measures/at_hand.csv, a row for each quantity and model, which the pages of measures
print. The values of all layers, heads and rows count alike; those that are not `ok` do not count.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from markdown_table import table

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES, Measure

AT_HAND = Path(__file__).parent / "measures" / "at_hand.csv"
LEVELS = {"low": 0.05, "median": 0.5, "high": 0.95}


def _told(each: Measure) -> list[str]:
    """Return the quantities that are compared over models."""
    told = [each.headline, *each.shown, *(followed.series for followed in each.followed.values())]
    return list(dict.fromkeys(name for series in told for name in (series.measure, str(series))))


def _ranges(name: str, path: str) -> pd.DataFrame:
    rows = pd.concat(pd.DataFrame(ni.measure(path, each)) for each in MEASURES)
    rows = rows[rows["status"] == "ok"].dropna(subset="value")
    named = rows["statistic"].astype(object).fillna("") + " " + rows["measure"].astype(object)
    values = rows["value"].groupby(named.str.strip())
    found = pd.DataFrame({word: values.quantile(level) for word, level in LEVELS.items()})
    return found.assign(model=name, values=values.size()).rename_axis("quantity").reset_index()


def table_of(each: Measure) -> str:
    """Return a table of the ranges of a measure, or nothing where no model at hand has any."""
    found = pd.read_csv(AT_HAND)
    found = found[found["quantity"].isin(_told(each))]
    if found.empty:
        return ""
    head = ("quantity", "model", "values", "5 %", "median", "95 %")
    rows = [
        (
            f"`{row['quantity']}`",
            row["model"],
            str(row["values"]),
            *(f"{row[level]:.3g}" for level in LEVELS),
        )
        for _, row in found.iterrows()
    ]
    return table(head, rows)


def main(models: list[str]) -> None:
    """Measure and write."""
    found = pd.concat(_ranges(*model.split("=", 1)) for model in models)
    names = [name for each in MEASURES.values() for name in _told(each)]
    found = found[found["quantity"].isin(names)].sort_values(["quantity", "model"])
    columns = ["quantity", "model", "values", *LEVELS]
    found[columns].to_csv(AT_HAND, index=False, float_format="%.4g")


if __name__ == "__main__":
    main(sys.argv[1:])
