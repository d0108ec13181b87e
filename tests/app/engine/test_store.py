"""The store of measured tables: nothing lost, nothing unbounded, no damage believed."""

import os
import stat

import numpy as np
import pandas as pd
import pytest
from small_models import write_ngpt

from app.engine.store import Store, default_folder
from ngpt_inspect import measure, summarise


def frame(n, fill=1.0):
    table = pd.DataFrame({"value": np.full(n, fill)})
    table.attrs = {"settings": {"bins": 3}}
    return table


def test_a_measured_table_comes_back_as_it_was_after_a_restart(tmp_path):
    table = summarise(measure(write_ngpt(tmp_path / "ngpt.safetensors"), "condition_numbers"))
    Store(tmp_path / "kept").put("a", table)
    found = Store(tmp_path / "kept").get("a")
    pd.testing.assert_frame_equal(found, table, check_frame_type=False)
    assert found.attrs == table.attrs


def test_an_unknown_key_is_none(tmp_path):
    assert Store(tmp_path).get("a") is None


def test_memory_is_bounded_and_the_last_used_stays(tmp_path):
    store = Store(tmp_path, memory=2 * 8_500, disk=0)
    for name in "abc":
        store.put(name, frame(1000))
        store.get("a")
    assert [name for name in "abc" if name in store._tables] == ["a", "c"]
    assert store._held <= 2 * 8_500


def test_one_table_larger_than_the_memory_stays(tmp_path):
    store = Store(tmp_path, memory=10, disk=10)
    store.put("a", frame(1000))
    assert store.get("a") is not None


def test_disk_is_bounded_and_the_oldest_goes(tmp_path):
    store = Store(tmp_path)
    store.put("a", frame(1000))
    size = (tmp_path / "a.parquet").stat().st_size
    store.disk = int(2.5 * size)
    store.put("b", frame(1000))
    for age, name in enumerate("ab"):
        os.utime(tmp_path / f"{name}.parquet", (age, age))
    Store(tmp_path).get("a")  # used: now b is the oldest
    store.put("c", frame(1000))
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "c"]


def test_a_damaged_file_counts_as_absent(tmp_path):
    Store(tmp_path).put("a", frame(10))
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    assert Store(tmp_path).get("a") is None


def test_a_folder_that_cannot_be_written_leaves_the_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "kept")
    store.put("a", frame(10))
    assert len(store.get("a")) == 10


def test_others_cannot_read_what_is_kept(tmp_path):
    store = Store(tmp_path / "kept")
    store.put("a", frame(10))
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"NGPT_INSPECT_CACHE": "/here"}, "/here"),
        ({"XDG_CACHE_HOME": "/there"}, "/there/ngpt-inspect"),
        ({"HOME": "/home/x"}, "/home/x/.cache/ngpt-inspect"),
    ],
)
def test_where_results_are_kept(monkeypatch, variables, folder):
    for name in ("NGPT_INSPECT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(default_folder()) == folder
