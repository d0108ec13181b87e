"""Tables in files: nothing lost, nothing that is not strict JSON, all or nothing."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from models import tiny_gpt, write_reference

from ngpt_inspect.errors import InspectError, MissingLibrary, WrongOption
from ngpt_inspect.tables.export import encode, write_bytes
from ngpt_inspect.tables.measuring import measured
from ngpt_inspect.tables.rows import Measured
from ngpt_inspect.vocabulary import COLUMNS


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """A table with infinite, skipped and empty cells, heads, and a name that is not ASCII."""
    query = np.ones((16, 16))
    path = tmp_path_factory.mktemp("export") / 'schön, "gpt".safetensors'
    model = tiny_gpt().changed(W_q_0=query, W_u_1=np.full((24, 16), np.nan))
    return measured(write_reference(model, path), ["condition_numbers", "vector_norms"])


@pytest.fixture(scope="module")
def table(found: Measured) -> pd.DataFrame:
    return found.frame


def strict(text: str) -> object:
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"JSON holds {constant}"))


def assert_rows(rows: list[dict[str, object]], table: pd.DataFrame) -> None:
    assert len(rows) == len(table)
    for row, expected in zip(rows, table.itertuples(index=False), strict=True):
        assert tuple(row) == COLUMNS
        for name, found in row.items():
            wanted = getattr(expected, name)
            if name == "value" and not math.isfinite(wanted):
                assert found is None
                assert row["status"] in ("rank_deficient", "skipped")
            elif pd.isna(wanted):
                assert found is None
            else:
                assert found == wanted
        assert type(row["value"]) in (float, type(None))
    assert all(type(row["layer"]) is int for row in rows)


def test_the_table_is_worth_testing(table: pd.DataFrame) -> None:
    assert np.isinf(table["value"]).sum() == 6  # four heads, all of them pooled, the whole
    assert (table["status"] == "skipped").sum() == 2  # once a measure


@pytest.mark.parametrize("name", ["csv", "json", "jsonl"])
def test_text_without_pandas_is_what_pandas_makes_of_the_table(found: Measured, name: str) -> None:
    assert encode(found, name) == encode(found.frame, name)


def test_json_of_both_kinds(table: pd.DataFrame) -> None:
    text = encode(table, "json").decode()
    assert_rows(strict(text), table)
    assert text.endswith("]\n")
    lines = encode(table, "jsonl").decode().splitlines()
    assert_rows([strict(line) for line in lines], table)


def test_csv(table: pd.DataFrame) -> None:
    data = encode(table, "csv")
    back = pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values={"value": [""]})
    assert tuple(back.columns) == COLUMNS
    np.testing.assert_array_equal(back["value"], table["value"])
    for name in ("checkpoint", "role", "measure", "status", "reason"):
        assert back[name].tolist() == table[name].tolist()
    assert back["layer"].tolist() == table["layer"].tolist()
    assert back["head"].tolist() == ["" if h is pd.NA else str(h) for h in table["head"]]


def test_parquet_keeps_types_and_provenance(table: pd.DataFrame) -> None:
    pytest.importorskip("pyarrow")
    back = pd.read_parquet(io.BytesIO(encode(table, "parquet")))
    pd.testing.assert_frame_equal(back, table, check_exact=True, check_frame_type=False)
    assert back.attrs == table.attrs


def test_parquet_without_pyarrow_says_what_to_install(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(MissingLibrary, match=r"pip install 'ngpt-inspect\[parquet\]'"):
        encode(table, "parquet")


def test_empty_tables(table: pd.DataFrame) -> None:
    empty = table.iloc[:0]
    assert encode(empty, "json") == b"[]\n"
    assert encode(empty, "jsonl") == b""
    assert encode(empty, "csv").decode().strip() == ",".join(COLUMNS)


def test_unknown_format(table: pd.DataFrame) -> None:
    with pytest.raises(WrongOption, match="no format 'xml'; there are csv, json"):
        encode(table, "xml")


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "x.json", tmp_path / "link.json"
    link.symlink_to(path)
    for data in (b"old", b"new"):
        write_bytes(link, data)
        assert path.read_bytes() == data
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_bytes(pipe, b"x")
    assert os.read(reader, 9) == b"x"
    os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]
    assert pipe.is_fifo()


@pytest.mark.parametrize("place", ["missing/x.json", "file/x.json", "folder"])
def test_places_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InspectError, match="cannot be written") as caught:
        write_bytes(tmp_path / place, b"x")
    assert caught.value.where == str(tmp_path / place)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
