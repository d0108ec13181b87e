"""A run is followed: nothing is missed, measured twice, half-read or touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from models import tiny_gpt, tiny_ngpt, write_llama, write_reference
from rules_files import FINITE, LONG_ROWS

from ngpt_inspect.errors import InspectError
from ngpt_inspect.rules import read_rules
from ngpt_inspect.tables.reading import read_table
from ngpt_inspect.trackers import Destination, Moment, Tracker
from ngpt_inspect.watching import Ledger, Looking, Watch, table_of

Cli = Callable[..., Result]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(FINITE + LONG_ROWS.format(bound=2))
    return path


def save(run: Path, step: int, by: float = 1.0) -> Path:
    ngpt = tiny_ngpt()
    model = ngpt.changed(E_input=by * ngpt.arrays["E_input", None])
    path = write_reference(model, run / f"step-{step:06}.safetensors", step=step)
    os.utime(path, (1e8, 1e8))  # written long ago
    return path


def watching(run: Path, rules: Path, clock: Clock | None = None, **more: Any) -> Watch:
    return Watch(
        looking=Looking(run, settled=5, now=clock or Clock()),
        ledger=Ledger(table_of(run)),
        rules=read_rules(rules),
        **more,
    )


def steps(run: Path) -> list[int]:
    return [each["step"] for each in Ledger(table_of(run)).entries]


def test_each_checkpoint_once_also_after_a_restart(tmp_path: Path, rules: Path) -> None:
    run = tmp_path / "run"
    save(run, 1)
    save(run, 2, by=3)
    watch = watching(run, rules)
    lines = list(watch.look())
    assert lines[0] == "run @ 1: no rule is broken"
    assert lines[1].startswith("run @ 2: warning long-rows: embedding_norm 3 (E_input index")
    assert len(lines) == 2
    assert list(watch.look()) == []
    save(run, 3)  # missed by a watch that was down
    lines = list(watching(run, rules).look())
    assert [line.partition(":")[0] for line in lines] == ["run @ 3"]
    assert steps(run) == [1, 2, 3]
    table = read_table(table_of(run))
    means = table[(table["measure"] == "embedding_norm") & (table["statistic"] == "mean")]
    means = means[means["role"] == "E_input"].set_index("step")["value"]
    assert means.to_dict() == pytest.approx({1: 1, 2: 3, 3: 1}, rel=1e-6)
    assert Ledger(table_of(run)).entries[1]["broken"][0]["rule"] == "long-rows"


def test_the_files_of_the_run_are_only_read(tmp_path: Path, rules: Path) -> None:
    run = tmp_path / "run"
    save(run, 1)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.iterdir()}
    list(watching(run, rules).look())
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.iterdir()}
    assert before == after


def test_what_is_being_written_waits(tmp_path: Path, rules: Path) -> None:
    run, clock = tmp_path / "run", Clock()
    whole = save(run, 1).read_bytes()
    part = run / "step-000002.safetensors"
    watch = watching(run, rules, clock)
    part.write_bytes(whole[:-1000])
    os.utime(part, (clock.now, clock.now))
    assert len(list(watch.look())) == 1
    assert watch.looking.pending == (part,)
    clock.now += 4
    part.write_bytes(whole[:-10])  # grows: the wait begins anew
    os.utime(part, (clock.now, clock.now))
    assert list(watch.look()) == []
    clock.now += 6
    (line,) = watch.look()  # still long enough, and cut short: said once
    assert line.startswith("not measured: ")
    assert list(watch.look()) == []
    other = tmp_path / "other" / part.name
    save(other.parent, 2, by=3)
    part.write_bytes(other.read_bytes())
    os.utime(part, (clock.now, clock.now))
    assert list(watch.look()) == []
    clock.now += 6
    (line,) = watch.look()
    assert line.startswith("run @ 2: warning")


def test_a_clock_that_lags_behind_the_files_serves(tmp_path: Path, rules: Path) -> None:
    run, clock = tmp_path / "run", Clock()
    os.utime(save(run, 1), (clock.now + 1e6, clock.now + 1e6))
    watch = watching(run, rules, clock)
    assert list(watch.look()) == []
    clock.now += 6
    assert len(list(watch.look())) == 1


def test_what_changes_while_it_is_measured_is_measured_again(
    tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    path = save(run, 1)
    watch = watching(run, rules)
    from ngpt_inspect.watching import watch as module

    real = module.measure

    def disturbed(*words: Any, **more: Any) -> pd.DataFrame:
        table = real(*words, **more)
        monkeypatch.setattr(module, "measure", real)
        path.write_bytes(path.read_bytes())
        os.utime(path, (2e8, 2e8))
        return table

    monkeypatch.setattr(module, "measure", disturbed)
    assert list(watch.look()) == []
    assert steps(run) == []
    assert len(list(watch.look())) == 1


def test_a_copy_is_measured_once_and_a_new_measure_takes_it_again(
    tmp_path: Path, rules: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(save(run, 1).parent, run / "copy")
    assert len(list(watching(run, rules).look())) == 1
    assert list(watching(run / "copy", rules).look()) != []  # a table of its own
    again = watching(run, rules, measures=["unit_norm"])
    assert len(list(again.look())) == 1
    table = read_table(table_of(run))
    assert (table["measure"] == "unit_norm").any()
    one = table[(table["measure"] == "embedding_norm") & (table["statistic"] == "mean")]
    assert not one.duplicated(["step", "role"]).any()
    assert steps(run) == [1]


def test_any_folder_of_checkpoints_that_opens(tmp_path: Path, rules: Path) -> None:
    write_llama(tiny_gpt(), tmp_path / "all/a")
    save(tmp_path / "all/b", 7)
    for path in (tmp_path / "all").rglob("*"):
        os.utime(path, (1e8, 1e8))
    lines = list(watching(tmp_path / "all", rules).look())
    assert sorted(line.partition(":")[0] for line in lines) == ["a", "b @ 7"]


class Memory:
    """A tracker that remembers, and can be down."""

    def __init__(self) -> None:
        self.down = False
        self.told: list[tuple[str, int]] = []

    def tracker(self) -> Tracker:
        from contextlib import contextmanager

        @contextmanager
        def open_(where: str, run: str) -> Any:
            if self.down:
                raise ConnectionError("nobody answers")
            yield self

        return Tracker(name="memory", title="Memory", package="json", where="x", open=open_)

    def take(self, moment: Moment) -> None:
        assert moment.scalars["embedding_norm/E_input/mean"] > 0
        assert moment.histograms["embedding_norm/E_input"].counts
        self.told.append(("run", moment.step))


def test_trackers_get_all_of_it_also_after_they_were_down(tmp_path: Path, rules: Path) -> None:
    run, memory = tmp_path / "run", Memory()
    place = Destination(tracker=memory.tracker(), where="")
    save(run, 1)
    list(watching(run, rules, destinations=[place]).look())
    memory.down = True
    save(run, 2, by=2)
    lines = list(watching(run, rules, destinations=[place]).look())
    assert any("memory: does not take the numbers (ConnectionError" in line for line in lines)
    memory.down = False
    assert list(watching(run, rules, destinations=[place]).look()) == []
    assert memory.told == [("run", 1), ("run", 2)]
    assert Moment(run="run", step=1).scalars == {}


def test_one_watch_a_table(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path / "t.parquet"), Ledger(tmp_path / "t.parquet")
    refused = pytest.raises(InspectError, match="another watch writes this table")
    with one.held(), refused, other.held():
        pass
    with other.held():
        pass


def test_the_command(tmp_path: Path, rules: Path, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)
    run = tmp_path / "run"
    save(run, 1)
    words = ("watch", run, "--once", "--rules", rules, "--settled", "0.01")
    first = cli(*words)
    assert (first.exit_code, first.stdout) == (0, "run @ 1: no rule is broken\n")
    assert cli(*words).stdout == ""
    assert steps(run) == [1]
    elsewhere = cli(*words, "--table", tmp_path / "other.parquet", "--quiet")
    assert elsewhere.stdout == first.stdout
    assert (tmp_path / "other.parquet").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none",), "none: there is no such file or folder"),
        ((".", "--table", "x.csv"), "x.csv: the table is a Parquet file"),
        ((".", "--rules", "none.toml"), "none.toml: cannot be read"),
        ((".", "--measures", "kapa"), "no measure 'kapa'"),
        ((".", "--to", "x"), "no tracker 'x'"),
        ((".", "--table", "none/x.parquet", "--once"), "cannot be written"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...], said: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.chdir(tmp_path)
    found = cli("watch", *words)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert said in found.stderr
