"""What holds for every measure, on every layout, whichever is added."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from models import LAYOUTS, series_of, tiny_gpt, write_gpt2

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES, Measure, Summary
from ngpt_inspect.vocabulary import Role, Series, Status

TableOf = Callable[[str, str], pd.DataFrame]
DOCUMENT = (Path(__file__).parents[3] / "docs" / "table.md").read_text()
QUANTITIES = DOCUMENT.split("## Quantities")[1].split("## Statistics")[0]
STATISTICS = {
    Summary.HEADS: ("median", "low", "high", "min", "max"),
    Summary.MEAN: ("mean", "std"),
    Summary.SPREAD: ("min", "median", "max"),
    Summary.QUANTILES: ("quantile",),
    Summary.DENSITY: ("density", "density_at"),
    Summary.MAGNITUDE: ("abs_mean", "abs_low", "abs_high"),
    Summary.HISTOGRAM: ("bin_left", "bin_count"),
    Summary.LOG_HISTOGRAM: ("bin_left", "bin_count", "bin_zero"),
}
BY_HEAD = ("condition_numbers", "normalized_condition_numbers", "singular_values")
WHEN_ASKED = {"unused_cosine"}
"""What a measure yields only where an option names what to compare with."""
OF_HEADS = "pooled_condition_number"
"""Made of all heads of a matrix at once: a row without a head, where there are heads."""

every = pytest.mark.parametrize("each", MEASURES.values(), ids=list(MEASURES))


def documented(each: Measure) -> str:
    """Return the row of docs/table.md on one measure."""
    row = re.search(rf"^\| `{each.name}` \|.*$", QUANTITIES, re.MULTILINE)
    assert row is not None, f"{each.name} is not in docs/table.md"
    return row[0]


def summaries_of(each: Measure) -> set[Series]:
    return {
        Series(quantity, statistic)
        for declared in (each.summaries, each.pooled)
        for quantity, kinds in declared.items()
        for kind in kinds
        for statistic in STATISTICS[kind]
    }


@every
def test_declaration(each: Measure) -> None:
    assert each.headline.measure in each.quantities
    assert {*each.summaries, *each.pooled} <= set(each.quantities)
    assert {series.measure for series in each.shown} <= set(each.quantities)
    assert each.command == each.name.replace("_", "-")
    assert re.search(r"2410\.01131", each.source), "cites the paper"
    for text in (each.title, each.summary, *each.quantities.values()):
        assert text
        assert "\n" not in text
    for option in each.options:
        assert option.help
        assert type(option.default) in (bool, int, float, str)


@every
def test_quantities_are_documented(each: Measure) -> None:
    row = documented(each)
    for name in each.quantities:
        assert f"`{name}`" in row, name
    for series in summaries_of(each):
        assert f"`{series.statistic}`" in DOCUMENT.split("## Statistics")[1], series


@every
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_what_is_declared(
    each: Measure, layout: str, layouts: dict[str, Path], table_of: TableOf
) -> None:
    model = ni.open_checkpoint(layouts[layout])
    table = table_of(layout, each.name)
    present = [role for role in each.roles if role in model.roles]
    measured = table[table["status"] != Status.SKIPPED]
    if not present:
        # A GPT has no eigen learning rates: the table says so for each role.
        assert len(measured) == 0
        assert set(table["role"]) == {str(role) for role in each.roles}
        assert (table["reason"] == "a GPT has none").all()
        return
    assert list(dict.fromkeys(measured["measure"])) != []
    assert set(measured["measure"]) == set(each.quantities) - WHEN_ASKED
    assert set(measured["role"]) == {str(role) for role in present}
    places = measured[["role", "layer"]].drop_duplicates()
    assert len(places) == sum(weight.role in present for weight in model)
    assert measured["value"].notna().all()
    skipped = table[table["status"] == Status.SKIPPED]
    assert set(series_of(skipped)) <= {str(each.headline)}
    assert set(skipped["reason"]) <= {"tied to E_input"}


@every
def test_per_head_and_whole(each: Measure, table_of: TableOf) -> None:
    """Where a quantity has heads, every attention matrix has all of them, and the whole."""
    table = table_of("llama", each.name)  # 4 query heads, 2 key and value heads
    by_head = set(table.loc[table["head"].notna(), "measure"])
    assert bool(by_head) == (each.name in BY_HEAD)
    for (role, _, _), rows in table[table["measure"].isin(by_head)].groupby(
        ["role", "layer", "measure"]
    ):
        heads = [None if pd.isna(head) else head for head in rows["head"].unique()]
        n_heads = {"W_q": 4, "W_o": 4, "W_k": 2, "W_v": 2}.get(role, 0)
        assert heads == [*range(n_heads), None], role


@every
@pytest.mark.parametrize("layout", ["reference_ngpt", "nanogpt"])
def test_summaries_are_those_declared(each: Measure, layout: str, table_of: TableOf) -> None:
    table = table_of(layout, each.name)
    new = ni.summarise(table).iloc[len(table) :]
    measured = (table["status"] != Status.SKIPPED).any()
    declared = {str(series) for series in summaries_of(each)}
    assert set(series_of(new)) == (declared if measured else set())
    assert new["head"].isna().all()


@every
def test_unknown_heads_leave_the_whole_matrix(each: Measure, tmp_path: Path) -> None:
    folder = write_gpt2(tiny_gpt(), tmp_path / "bare", config=False)
    unknown = ni.measure(folder, each.name)
    known = ni.measure(ni.open_checkpoint(folder, heads=4), each.name)
    asked = unknown[unknown["reason"].str.contains("--heads", regex=False)]
    if each.name not in BY_HEAD:
        assert len(asked) == 0
        return
    assert list(asked["status"].unique()) == [Status.SKIPPED]
    attention = [Role.W_Q, Role.W_K, Role.W_V, Role.W_O]
    assert asked.groupby("layer")["role"].apply(list).to_dict() == {
        layer: [str(role) for role in attention] for layer in (0, 1)
    }
    whole = known[known["head"].isna() & (known["measure"] != OF_HEADS)].reset_index(drop=True)
    rest = unknown[unknown["status"] != Status.SKIPPED].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, whole, check_exact=True)
