"""Tables 4, 5 and 6 of the paper from ablations, in its layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.paper.typesetting import Row, Sheet

Setting = dict[Any, Any]
"""One row of the table ``ablation_losses``."""
LETTERS = {"element": "v", "scalar": "s", "fixed": "f"}
"""Table 5: a vector with one number per element, one learned scalar, or fixed."""
PLACE = ["size", "context_length", "batch_size", "steps", "learning_rate"]


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """How one table of the paper is laid out; the loss is its last column."""

    title: str
    header: tuple[str, ...]
    cells: Callable[[Setting], tuple[str, ...]]
    numbers: int = 1
    """Columns of numbers at the right, the loss among them."""


def _means(row: Setting, *names: str) -> str:
    values = [row[name] for name in names]
    return " & ".join("–" if math.isnan(value) else f"{value:.3g}" for value in values)


def _kind(row: Setting, kind: str, *names: str) -> str:
    """Return ``v 1.12 & 1.24``, or one number where there is only one."""
    means = dict.fromkeys(_means(row, name) for name in names)
    return f"{LETTERS[row[kind]]} {' & '.join(means)}"


def _text(value: str) -> str:
    return value.replace("sqrt(d)", "√d").replace("nu", "ν").replace("alpha", "α")


def _of_parameter(row: Setting) -> str:
    """Return the learned means of what Table 4 varies: ``1.24 & 1.12`` for ``s_u & s_nu``."""
    return _means(row, *row["parameter"].split(" & "))


LAYOUTS = {
    "4": TableLayout(
        title="Init and scale of the scaling factors (Table 4 of arXiv 2410.01131)",
        header=("parameter", "init", "scale", "mean"),
        cells=lambda row: (
            _text(row["parameter"]),
            _text(row["init"]),
            _text(row["scale"]),
            _of_parameter(row),
        ),
        numbers=2,
    ),
    "5": TableLayout(
        title="Vectors (v), learned scalars (s) and fixed values (f) with their learned means "
        "(Table 5 of arXiv 2410.01131)",
        header=("s_qk", "s_u & s_ν", "s_z", "α_A & α_M"),
        cells=lambda row: (
            _kind(row, "s_qk_kind", "s_qk"),
            _kind(row, "s_mlp_kind", "s_u", "s_nu"),
            _kind(row, "s_z_kind", "s_z"),
            _kind(row, "alpha_kind", "alpha_A", "alpha_M"),
        ),
    ),
    "6": TableLayout(
        title="Queries and keys normalised or not (Table 6 of arXiv 2410.01131)",
        header=("QK norm", "s_qk", "α_A & α_M"),
        cells=lambda row: (
            "yes" if row["qk_norm"] else "no",
            _means(row, "s_qk"),
            _means(row, "alpha_A", "alpha_M"),
        ),
        numbers=3,
    ),
    "slerp": TableLayout(
        title="Interpolation on the sphere: LERP (equation 7) or SLERP (equation 6; not measured "
        "in arXiv 2410.01131)",
        header=("interpolation", "α_A & α_M"),
        cells=lambda row: (row["interpolation"].upper(), _means(row, "alpha_A", "alpha_M")),
        numbers=2,
    ),
    "start": TableLayout(
        title="Another start of the learned vectors (not in arXiv 2410.01131)",
        header=("parameter", "init", "scale", "α_A & α_M", "s_z"),
        cells=lambda row: (
            _text(row["parameter"]) or "as in section 2.6",
            _text(row["init"]),
            _text(row["scale"]),
            _means(row, "alpha_A", "alpha_M"),
            _means(row, "s_z"),
        ),
        numbers=3,
    ),
}


def ablation_sheets(table: pd.DataFrame) -> list[Sheet]:
    """Return one sheet for each table and setting in ``ablation_losses``, in the paper's order."""
    sheets = []
    for name, layout in LAYOUTS.items():
        rows = table[table["table"] == name]
        places = [mine for _, mine in rows.groupby(PLACE, sort=True)]
        for number, mine in enumerate(places, 1):
            several = f"-{number}" if len(places) > 1 else ""
            sheets.append(_sheet(f"ablation-{name}{several}", layout, mine))
    return sheets


def _sheet(name: str, layout: TableLayout, rows: pd.DataFrame) -> Sheet:
    settings = rows.to_dict("records")
    first, runs = settings[0], max(row["runs"] for row in settings)
    seeds = "1 seed" if runs <= 1 else f"mean ± standard deviation over {runs} seeds"
    caption = (
        f"{layout.title}. {first['family']} {first['size']}, context {first['context_length']}, "
        f"{first['steps']} steps, learning rate {first['learning_rate']:g}. Validation loss of "
        f"the baseline, then relative to the baseline of the same seed: {seeds}."
    )
    return Sheet(
        name=name,
        caption=caption,
        header=(*layout.header, "loss"),
        groups=list(_groups(layout, settings)),
        numbers=layout.numbers,
    )


def _groups(layout: TableLayout, settings: Sequence[Setting]) -> Iterator[list[Row]]:
    """Yield the rows in groups of one parameter, each parameter named once."""
    by_parameter: dict[str, list[Row]] = {}
    grouped = layout.header[0] == "parameter"
    for row in settings:
        cells = [*layout.cells(row), _loss(row)]
        key = row["parameter"] if grouped else ""
        if key in by_parameter:
            cells[0] = "" if grouped else cells[0]
        by_parameter.setdefault(key, []).append(cells)
    yield from by_parameter.values()


def _loss(row: Setting) -> str:
    """Return the loss of the baseline, else its change: ``+0.22 ± 0.05 %``."""
    if not row["runs"]:
        return "diverged"
    lost = f" ({row['diverged']} diverged)" if row["diverged"] else ""
    if row["baseline"] or math.isnan(row["change"]):
        return f"{row['validation_loss']:.3f}{lost}"
    change = f"{row['change']:+.2f}".replace("-", "−")
    if row["runs"] > 1:
        change += f" ± {row['change_deviation']:.2f}"
    return f"{change} %{lost}"
