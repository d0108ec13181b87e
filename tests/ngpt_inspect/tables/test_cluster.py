"""A Dask cluster gives the same table, bit for bit, also when a worker dies on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from ngpt_inspect.errors import InspectError
from ngpt_inspect.tables import measure
from ngpt_inspect.tables.executors import dask_cluster

N_LAYERS, D_MODEL, D_MLP, VOCAB = 6, 64, 172, 96
WORKERS = 4


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama-like checkpoint of one shard a layer."""
    folder = tmp_path_factory.mktemp("sharded")
    torch.manual_seed(0)
    shards: list[dict[str, torch.Tensor]] = []
    for layer in range(N_LAYERS):
        block = f"model.layers.{layer}."
        attention = {f"self_attn.{n}_proj.weight": (D_MODEL, D_MODEL) for n in "qkvo"}
        mlp = {f"mlp.{n}_proj.weight": (D_MLP, D_MODEL) for n in ("up", "gate")}
        norms = {f"{n}_layernorm.weight": (D_MODEL,) for n in ("input", "post_attention")}
        shapes = attention | mlp | {"mlp.down_proj.weight": (D_MODEL, D_MLP)} | norms
        shards.append({block + name: torch.randn(shape) for name, shape in shapes.items()})
    shards[0]["model.embed_tokens.weight"] = torch.randn(VOCAB, D_MODEL)
    shards[-1]["lm_head.weight"] = torch.randn(VOCAB, D_MODEL)
    shards[-1]["model.norm.weight"] = torch.ones(D_MODEL)
    names = [f"model-{n + 1:05d}-of-{N_LAYERS:05d}.safetensors" for n in range(N_LAYERS)]
    for name, shard in zip(names, shards, strict=True):
        save_file(shard, folder / name)
    weight_map = {
        tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard
    }
    pd.Series({"metadata": {}, "weight_map": weight_map}).to_json(
        folder / "model.safetensors.index.json"
    )
    (folder / "config.json").write_text('{"num_attention_heads": 4, "num_key_value_heads": 4}')
    return folder


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
