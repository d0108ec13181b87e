"""DTensors in files of torch.save, and in memory: read when whole, named when a shard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from formats_helpers import Call, pickle_with_storages, refusal, stored_tensor, write_pickle
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents

pytestmark = pytest.mark.filterwarnings("ignore")
W = torch.arange(24.0).reshape(6, 4)


@pytest.fixture(params=[1, 2])
def mesh(request: pytest.FixtureRequest) -> Iterator[DeviceMesh]:
    """Be rank 0 of one or two processes that never speak to each other."""
    fake = pytest.importorskip("torch.testing._internal.distributed.fake_pg")
    dist.init_process_group("fake", store=fake.FakeStore(), rank=0, world_size=request.param)
    try:
        yield init_device_mesh("cpu", (request.param,))
    finally:
        dist.destroy_process_group()


def sharded(mesh: DeviceMesh, kind: str) -> DTensor:
    placed = {"rows": Shard(0), "columns": Shard(1), "whole": Replicate(), "sum": Partial()}[kind]
    local = W.chunk(mesh.size(), placed.dim)[0].clone() if isinstance(placed, Shard) else W
    return DTensor.from_local(
        local, mesh, [placed], run_check=False, shape=W.shape, stride=W.stride()
    )


@pytest.mark.parametrize("kind", ["rows", "columns", "whole", "sum"])
def test_what_one_rank_holds(kind: str, mesh: DeviceMesh, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    tensor = sharded(mesh, kind)
    torch.save({"model": {"h.0.w": tensor}, "step": 3}, path)
    whole = kind == "whole" or (mesh.size() == 1 and kind != "sum")
    if whole:
        contents = read_contents(path)
        assert torch.equal(contents.tensors["h.0.w"].read(), W)
        assert contents.lookup("step") == 3
    else:
        said = refusal(path)
        assert "holds DTensor shards of one rank: of 'h.0.w'" in said
        assert "save it with torch.distributed.checkpoint, or full_tensor()" in said


@pytest.mark.parametrize("kind", ["rows", "whole"])
def test_in_memory(kind: str, mesh: DeviceMesh) -> None:
    tensors = {"h.0.w": sharded(mesh, kind)}
    if kind == "whole" or mesh.size() == 1:
        assert torch.equal(read_contents(tensors).tensors["h.0.w"].read(), W)
        return
    with pytest.raises(UnreadableFile, match="a shard of one rank") as caught:
        read_contents(tensors)
    assert "full_state_dict" in caught.value.next_step


@pytest.mark.parametrize(
    "state", [None, 3, {}, {"_local_tensor": 1, "_spec": 2}, ({"_local_tensor": {}},), (None, [])]
)
@pytest.mark.parametrize("args", [(), (1,), (1, 2, (3,), 4), (1, 2, (2**70,), 4)])
def test_what_is_called_a_dtensor_and_is_none(
    args: tuple[object, ...], state: object, tmp_path: Path
) -> None:
    rebuild = torch._utils._rebuild_wrapper_subclass
    call = Call(torch._tensor._rebuild_from_type_v2, rebuild, DTensor, args, state)
    path = write_pickle(tmp_path / "w.pt", pickle_with_storages({"w": call}))
    assert "its pickle is refused: it is damaged" in refusal(path)


def test_another_subclass_is_refused(tmp_path: Path) -> None:
    rebuild = torch._utils._rebuild_wrapper_subclass
    state = {"_local_tensor": stored_tensor(4, (2, 2), (2, 1)), "_spec": None}
    call = Call(torch._tensor._rebuild_from_type_v2, rebuild, torch.nn.Parameter, (), state)
    path = write_pickle(tmp_path / "w.pt", pickle_with_storages({"w": call}), _0=bytes(16))
    assert "_rebuild_wrapper_subclass when loaded, which could run any code" in refusal(path)
