"""A Dask cluster gives the same table, bit for bit, also when a worker dies on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from models import tiny_gpt, write_llama

from ngpt_inspect.errors import InspectError
from ngpt_inspect.tables import measure
from ngpt_inspect.tables.executors import dask_cluster

WORKERS = 4


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama-like checkpoint of several shards."""
    model = tiny_gpt(n_layers=6)
    return write_llama(model, tmp_path_factory.mktemp("sharded") / "llama", shards=6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # distributed's own sockets and event loops
def test_a_cluster_gives_the_same_table_and_survives_the_death_of_a_worker(sharded: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the cluster extra is not installed")
    names = ["condition_numbers", "singular_values", "vector_norms", "dot_products"]
    here = measure(sharded, names)
    with distributed.LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:
        victims = [worker.pid for worker in cluster.workers.values()]

        def kill_one(done: float, total: float) -> None:
            if done >= total / 2 and len(victims) == WORKERS:
                os.kill(victims.pop(), signal.SIGKILL)

        with dask_cluster(cluster.scheduler_address) as executor:
            there = measure(sharded, names, executor=executor)
            after_a_death = measure(sharded, names, executor=executor, progress=kill_one)
    assert len(victims) == WORKERS - 1
    pd.testing.assert_frame_equal(there, here, check_exact=True)
    pd.testing.assert_frame_equal(after_a_death, here, check_exact=True)
    assert there.attrs == here.attrs


def test_no_scheduler_is_one_line() -> None:
    pytest.importorskip("distributed", reason="the cluster extra is not installed")
    with (
        pytest.raises(InspectError, match="no Dask scheduler answers"),
        dask_cluster("tcp://127.0.0.1:1", patience=0.5),
    ):
        pass
