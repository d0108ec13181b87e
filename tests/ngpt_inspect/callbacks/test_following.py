"""What callbacks share, and the line in a loop written by hand."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from models import tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.callbacks import Following
from ngpt_inspect.errors import InspectError
from ngpt_inspect.tables.reading import read_table
from ngpt_inspect.watching import Ledger, table_of


def save(run: Path, step: int) -> None:
    model = tiny_ngpt()
    grown = model.changed(E_input=step * model.arrays["E_input", None])
    write_reference(grown, run / f"step-{step:06}.safetensors", step=step)


def model() -> Any:
    from reference_model.config import NGPTConfig
    from reference_model.model import build_model

    torch.manual_seed(1)
    shape = {"vocab_size": 12, "n_layers": 1, "n_heads": 2, "d_model": 8, "d_mlp": 16}
    return build_model(NGPTConfig(context_length=8, **shape))


def test_a_thread_measures_what_it_is_told_of(
    tmp_path: Path, rules: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ngpt_inspect")
    run = tmp_path / "run"
    following = Following(manner="thread", rules=rules)
    for step in (1, 2):
        save(run, step)
        following.tell(run)
    following.finish()
    assert {each["step"] for each in Ledger(table_of(run)).entries} == {1, 2}
    assert "run @ 1: no rule is broken" in caplog.text


def test_a_process_is_started_once_and_ends_with_its_parent(tmp_path: Path, rules: Path) -> None:
    """It takes its last look after the training process is gone, and then goes too."""
    run = tmp_path / "run"
    save(run, 1)
    os.utime(run / "step-000001.safetensors", (1e8, 1e8))
    training = (
        "import sys\nfrom ngpt_inspect.callbacks import Following\n"
        "following = Following(rules=sys.argv[2], every=0.1, settled=0.1)\n"
        "following.tell(sys.argv[1])\nfirst = following._process\n"
        "following.tell(sys.argv[1])\nassert following._process is first\nprint(first.pid)\n"
    )
    words = [sys.executable, "-c", training, str(run), str(rules)]
    read, write = os.pipe()  # held open by the watch: at its end this reads to the end
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.returncode == 0, done.stderr
    with os.fdopen(read) as lines:
        pid, *said = lines.read().splitlines()
    assert said == ["run @ 1: no rule is broken"]
    assert [each["step"] for each in Ledger(table_of(run)).entries] == [1]
    assert int(pid) > 0


def test_what_cannot_be_followed_is_refused_before_training(tmp_path: Path, rules: Path) -> None:
    with pytest.raises(InspectError, match="cannot be read"):
        Following(rules=tmp_path / "none.toml")
    with pytest.raises(InspectError, match="no tracker 'x'"):
        Following(rules=rules, to=["x"])
    with pytest.raises(InspectError, match="no measure 'kapa'"):
        Following(rules=rules, measures="kapa")
    with pytest.raises(InspectError, match="no tracker 'x'"):
        Following(rules=rules, to="x")
    assert Following(rules=rules, measures="unit-norm").measures == ["unit_norm"]


def test_trouble_is_a_line_in_the_log_and_not_in_the_loop(
    tmp_path: Path, rules: Path, caplog: pytest.LogCaptureFixture
) -> None:
    following = Following(manner="thread", rules=rules, table=tmp_path / "x.csv")
    following.tell(tmp_path)
    following.tell("s3://bucket/run")
    following.finish()
    assert "not followed" in caplog.text
    assert "only runs on this machine" in caplog.text


def test_a_loop_logs_what_the_weights_were(tmp_path: Path, rules: Path) -> None:
    """Training goes on at once, and nothing that it changes later is measured."""
    network, table = model(), tmp_path / "t.parquet"
    before = torch.linalg.vector_norm(network.state_dict()["E_input.weight"].double(), dim=1)
    lines = []
    for step in (1, 2, 2):
        lines.append(ni.log(network, step, run="mine", table=table, rules=rules))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(2)
    assert [line.result(60) for line in lines] == [
        f"mine @ {step}: no rule is broken" for step in (1, 2, 2)
    ]
    rows = read_table(table)
    means = rows[(rows["measure"] == "embedding_norm") & (rows["statistic"] == "mean")]
    found = means[means["role"] == "E_input"].set_index("step")["value"].to_dict()
    mean = float(before.mean())
    assert found == pytest.approx({1: mean, 2: 4 * mean}, rel=1e-6), "step 2 was logged again"


def test_a_loop_is_told_at_once_what_cannot_be_meant(tmp_path: Path, rules: Path) -> None:
    table = tmp_path / "t.parquet"
    for wrong in ({"to": ["x"]}, {"measures": ["kapa"]}, {"rules": tmp_path / "none.toml"}):
        with pytest.raises(InspectError):
            ni.log(model(), 1, table=table, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InspectError, match="no measure 'kapa'"):
        ni.log(model(), 1, table=table, measures="kapa")
    with pytest.raises(InspectError):
        ni.log({"a": 3}, 1, table=table, rules=rules)
    assert not table.exists()


def test_the_loop_is_not_held_up(tmp_path: Path, rules: Path, monkeypatch: Any) -> None:
    """The call returns while the measuring is still held."""
    from ngpt_inspect.watching import watch as module

    real, held = module.measure, []

    def slow(*words: Any, **more: Any) -> Any:
        while not held:
            time.sleep(0.01)
        return real(*words, **more)

    monkeypatch.setattr(module, "measure", slow)
    line = ni.log(model(), 1, table=tmp_path / "t.parquet", rules=rules)
    assert not line.done()
    held.append(True)
    assert line.result(60) == "run @ 1: no rule is broken"
