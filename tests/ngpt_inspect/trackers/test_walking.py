"""What trackers are told of a table: tags, numbers and bins that follow by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError
from ngpt_inspect.tables.export import ENCODERS, encode
from ngpt_inspect.tables.reading import read_table
from ngpt_inspect.tables.rows import frame_of
from ngpt_inspect.trackers import condensed, walk
from ngpt_inspect.vocabulary import COLUMNS


def row(measure: str, value: float, **place: Any) -> dict[str, Any]:
    known = {"checkpoint": "m", "architecture": "a", "tensor": "t", "status": "ok", "reason": ""}
    return dict.fromkeys(COLUMNS) | known | {"measure": measure, "value": value} | place


def test_tags_and_numbers() -> None:
    table = frame_of(
        [
            row("condition_number", 2, step=10, role="W_q", layer=1, head=0),
            row("condition_number", 6, step=10, role="W_q", layer=1, head=1),
            row("condition_number", 9, step=10, role="W_q", layer=1),
            row("condition_number", 4, step=10, tensor="x.weight"),
            row("condition_number", math.nan, step=10, role="W_k", layer=1, status="skipped"),
            row("sigma_max", math.inf, step=20, role="W_u", layer=0, expert=3),
        ]
    )
    first, second = walk(table)
    assert (first.run, first.step, first.histograms) == ("m", 10, {})
    assert first.scalars == {
        "condition_number/1/W_q/median": 4,
        "condition_number/1/W_q": 9,
        "condition_number/x.weight": 4,
    }
    assert (second.step, second.scalars) == (20, {"sigma_max/0/W_u/expert3": math.inf})
    with_heads = next(walk(table, heads=True)).scalars
    assert with_heads["condition_number/1/W_q/head1"] == 6


def test_columns_become_bins_and_moments() -> None:
    values = [1.0, 2, 2, 4, 7, math.nan]
    rows = [
        row("singular_value", value, role="W_q", layer=0, index=n, head=0)
        for n, value in enumerate(values)
    ]
    (moment,) = walk(frame_of(rows), heads=True)
    tag = "singular_value/0/W_q/head0"
    found = moment.histograms[tag]
    edges = np.linspace(1, 7, 5)  # Rice's rule: 2 * 5^(1/3) = 3.4
    np.testing.assert_allclose(found.edges, edges, rtol=1e-15)
    assert found.counts == tuple(np.histogram(values[:5], edges)[0])
    assert found.mean == pytest.approx(3.2, rel=1e-15)
    assert found.std == pytest.approx(np.std(values[:5]), rel=1e-15)
    assert moment.scalars[f"{tag}/max"] == 7
    assert (moment.step, moment.scalars[f"{tag}/median"]) == (0, 2)


def test_what_is_all_the_same_is_one_bin() -> None:
    rows = [row("embedding_norm", 1.0, role="E_input", index=n) for n in range(9)]
    (moment,) = walk(frame_of(rows))
    found = moment.histograms["embedding_norm/E_input"]
    assert found.counts == (9,)
    assert found.edges[0] == 1 < found.edges[1]


@pytest.mark.slow
def test_condensing_twice_changes_nothing_and_every_measure_is_told(tmp_path: Path) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "ngpt.safetensors")
    table = ni.summarise(ni.measure(path, ["condition_numbers", "embedding_norms", "dot_products"]))
    once = condensed(table)
    assert len(once) < len(table)
    assert list(walk(once)) == list(walk(table)) == list(walk(condensed(once)))
    (moment,) = walk(table)
    assert "dot/E_input/mean" in moment.scalars
    bins = table[(table["measure"] == "dot") & (table["statistic"] == "bin_count")]
    dots = moment.histograms["dot/E_input"]
    assert sum(dots.counts) == bins[bins["role"] == "E_input"]["value"].sum()
    assert all(math.isfinite(value) for value in moment.scalars.values())


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_table_is_read_back(kind: str, tmp_path: Path) -> None:
    rows = [
        row("condition_number", math.inf, step=3, role="W_q", layer=0, status="rank_deficient"),
        row("condition_number", 0.1 + 0.2, step=3, role="W_k", layer=0, head=1),
        row("condition_number", math.nan, step=3, role="W_v", layer=0, status="skipped"),
    ]
    table = frame_of([each | {"checkpoint": "NA"} for each in rows])
    table.attrs = {"tool": "x"}
    path = tmp_path / f"table.{kind}"
    path.write_bytes(encode(table, kind))
    read = read_table(path)
    assert read.dtypes.to_dict() == table.dtypes.to_dict()
    assert list(walk(read)) == list(walk(table))
    assert read["head"].tolist()[1] == 1
    path.write_bytes(b"\x00garbage")
    with pytest.raises(InspectError, match="table"):
        read_table(path)
