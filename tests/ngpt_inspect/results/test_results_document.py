"""docs/results.md names every table of training results, every column, and what each means."""

import re
from pathlib import Path

import pytest

from ngpt_inspect.results import RESULTS

DOCUMENT = Path(__file__).parents[3] / "docs" / "results.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)


def sections():
    """Return the text under each heading."""
    _, *parts = re.split(r"^#+ (.+)$", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_there_is_a_section_for_each_table_and_no_other():
    tables = {title for title in sections() if re.fullmatch(r"[a-z_]+", title)}
    assert tables == set(RESULTS)


@pytest.mark.parametrize("name", RESULTS)
def test_every_column_is_explained_as_it_is_declared(name):
    shared = dict(ROW.findall(sections()["Columns that tables share"]))
    own = dict(ROW.findall(sections()[name]))
    (said,) = re.findall(r"^Shared columns: (.+)\.$", sections()[name], re.MULTILINE)
    told = {each: shared[each] for each in re.findall(r"`(\w+)`", said)} | own
    assert set(told) == {column.name for column in RESULTS[name].columns}
    for column in RESULTS[name].columns:
        assert told[column.name].removesuffix("; may be empty") == column.meaning
        assert ("empty" in told[column.name]) or not column.optional


@pytest.mark.parametrize("name", RESULTS)
def test_where_it_comes_from_is_said(name):
    chosen = RESULTS[name]
    for words in (chosen.source, chosen.summary, *chosen.files, chosen.of):
        assert words in sections()[name]


def test_every_bound_is_explained():
    (bounds,) = {column.among for column in RESULTS["speed_up"].columns if column.name == "bound"}
    rows = re.findall(r"^\| (?:`(\w+)`|(empty)) \|", sections()["Bounds"], re.MULTILINE)
    assert {quoted for quoted, _ in rows} == set(bounds)
