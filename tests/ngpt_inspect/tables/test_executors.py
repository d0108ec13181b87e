"""Work done elsewhere gives the table that work done here gives."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from models import tiny_gpt, tiny_ngpt, write_gpt2, write_nvidia, write_reference

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.tables.jobs import Job, Taking
from ngpt_inspect.weights import WeightSet

NAMES = list(MEASURES)


@pytest.fixture(scope="module")
def process() -> Iterator[Executor]:
    """One worker that shares no memory with this process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        yield executor


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[WeightSet]:
    """Return checkpoints whose settings a worker must repeat: constants and heads given."""
    folder = tmp_path_factory.mktemp("models")
    return [
        ni.open_checkpoint(
            write_nvidia(tiny_ngpt(), folder / "ckpt.pt"), constants={"alpha_init": 0.3}
        ),
        ni.open_checkpoint(write_gpt2(tiny_gpt(), folder / "gpt2", config=False), heads=2),
    ]


def test_threads_and_another_process(models: list[WeightSet], process: Executor) -> None:
    here = ni.measure(models, NAMES)
    with ThreadPoolExecutor(2) as threads:
        for executor in (threads, process):
            there = ni.measure(models, NAMES, executor=executor)
            pd.testing.assert_frame_equal(there, here, check_exact=True)
            assert there.attrs == here.attrs


def test_a_refusal_comes_back_whole(tmp_path: Path, process: Executor) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors")
    opened = ni.open_checkpoint(path)
    write_reference(tiny_gpt(seed=9), path)
    table = ni.measure(opened, "unit_norm", executor=process)
    assert set(table["status"]) == {"skipped"}
    assert table["reason"].str.contains("is not the one the work was planned for").all()
    assert table["reason"].str.startswith(str(path)).all()


def test_a_ticket_for_other_weights_is_refused(tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors")
    opened = ni.open_checkpoint(path)
    weight, measure = opened.weights[0], MEASURES["unit_norm"]
    takings = (Taking(measure=measure, options={}),)
    job = Job(checkpoint=opened, weight=weight, takings=takings, device="cpu")
    ticket = job.ticket()
    (there,), (here,) = ticket.run(), job.run()
    assert [v.measure for v in there] == [v.measure for v in here]
    stale = replace(ticket, address=replace(ticket.address, fingerprint="0" * 64))
    ((refused,),) = stale.run()
    assert refused.status == "skipped"
    assert "planned for" in str(refused.reason)


@pytest.mark.slow
def test_a_file_written_anew_is_opened_anew(tmp_path: Path) -> None:
    """A long-lived worker meets the same path again after more training."""
    path = tmp_path / "x.safetensors"
    for seed in (1, 2):
        write_reference(tiny_gpt(seed=seed), path)
        here = ni.measure(path, "unit_norm")
        with ThreadPoolExecutor(1) as executor:
            there = ni.measure(path, "unit_norm", executor=executor)
        pd.testing.assert_frame_equal(there, here, check_exact=True)
