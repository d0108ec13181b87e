from __future__ import annotations

import argparse
import collections
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from formats_helpers import counted_reads, refusal, shared_weights
from models import throwaway_class
from test_safetensors_file import DTYPES, bits, check_bits

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import read_contents


def save(path: Path, value: object, **options: object) -> Path:
    torch.save(value, path, **options)  # type: ignore[arg-type]
    return path


def deflate(path: Path) -> Path:
    """Zip a torch file again, compressed."""
    packed = path.with_name(f"packed-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return packed


@pytest.mark.parametrize("name", DTYPES)
def test_values_are_bit_for_bit_those_of_torch(name: str, tmp_path: Path) -> None:
    raw = torch.randint(0, 256, (6, 5, 16), dtype=torch.uint8)
    raw = raw % 2 if name == "BOOL" else raw
    expected = raw.view(DTYPES[name])
    path = save(tmp_path / "w.pt", {"first": torch.ones(3), "w": expected})
    check_bits(read_contents(path).tensors["w"], name, expected)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(protocol: int, tmp_path: Path) -> None:
    value = {
        "model": {"w": torch.arange(3.0), "p": torch.nn.Parameter(torch.ones(2))},
        "args": {"set": {1}, "none": None, "list": [True, (1.5, "é")], "big": 2**70, 3: -1},
        "frozen": frozenset({2}),
        "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(int, b=2),
        "path": Path("runs/gpt"),
        "loss": np.float64(2.5),
        "steps": np.int64(7),
        "dtype": torch.bfloat16,
        "device": torch.device("cuda", 1),
        "size": torch.Size([2, 3]),
        "namespace": argparse.Namespace(lr=0.1),
    }
    path = save(tmp_path / "w.pt", value, pickle_protocol=protocol)
    contents = read_contents(path)
    assert contents.tensors["w"].read().tolist() == [0, 1, 2]
    assert contents.tensors["p"].read().tolist() == [1, 1]
    assert contents.config == {
        "args": {"set": [1], "none": None, "list": [True, [1.5, "é"]], "big": 2**70, "3": -1},
        "frozen": [2],
        "ordered": {"a": 1},
        "default": {"b": 2},
        "path": "runs/gpt",
        "loss": 2.5,
        "steps": 7,
        "dtype": "torch.bfloat16",
        "device": ["cuda", 1],
        "size": [2, 3],
        "namespace": {"lr": 0.1},
    }


def views() -> dict[str, torch.Tensor]:
    base = torch.arange(60.0).reshape(6, 10)
    return {
        "base": base,
        "transposed": base.T,
        "rows": base[2:5],
        "column": base[:, 3],
        "block": base[1:4, 2:8],
        "every_other": base[::2, ::3],
        "permuted": torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        "scalar": base[4, 4],
        "one_row": base[3:4].T,
        "empty": base[:0],
        "no_columns": base[:, :0],
        "parameter": torch.nn.Parameter(base[1:]),
    }


@pytest.mark.parametrize("packed", [False, True])
def test_views_are_read_with_their_strides(packed: bool, tmp_path: Path) -> None:
    expected = views()
    path = save(tmp_path / "w.pt", expected)
    tensors = read_contents(deflate(path) if packed else path).tensors
    assert tensors.keys() == expected.keys()
    for name, values in expected.items():
        assert tensors[name].shape == tuple(values.shape)
        assert torch.equal(tensors[name].read(), values), name
        assert tensors[name].read().is_contiguous()
        if values.ndim and len(values) > 2:
            assert torch.equal(tensors[name].read(1, 3), values[1:3]), name
            assert torch.equal(tensors[name].read(2), values[2:]), name


@pytest.mark.parametrize("packed", [False, True])
def test_tied_tensors_share_their_place(packed: bool, tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    value = {"wte": shared, "lm_head": torch.nn.Parameter(shared), "other": shared.clone()}
    path = save(tmp_path / "w.pt", value)
    tensors = read_contents(deflate(path) if packed else path).tensors
    assert tensors["wte"].location == tensors["lm_head"].location != tensors["other"].location


def test_the_place_names_the_storage_and_the_byte_in_it(tmp_path: Path) -> None:
    values = torch.arange(40.0).reshape(4, 10)
    path = save(tmp_path / "w.pt", {"w": values[1:]})
    entry, offset = read_contents(path).tensors["w"].location
    file, _, name = entry.partition("!")
    data = zipfile.ZipFile(file).read(name)[offset : offset + 120]
    assert torch.equal(torch.frombuffer(bytearray(data), dtype=torch.float32), values[1:].flatten())


def test_only_the_bytes_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "w.pt", {"big": torch.zeros(1000, 1024), "small": torch.ones(4)})
    tensors = read_contents(path).tensors
    asked = counted_reads(monkeypatch)
    tensors["small"].read()
    tensors["big"].read(10, 12)
    local_header = 30  # says where a storage begins; read once
    assert asked == [local_header, 16, local_header, 2 * 1024 * 4]


def test_a_tensor_with_python_attributes(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    weight.note = "kept"  # type: ignore[attr-defined]
    plain = torch.arange(3.0)
    plain.note = "kept"  # type: ignore[attr-defined]
    tensors = read_contents(save(tmp_path / "w.pt", {"w": weight, "v": plain})).tensors
    assert tensors["w"].read().tolist() == [1, 1]
    assert tensors["v"].read().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.ones(2, dtype=torch.complex64).conj(), "a lazily conjugated or negated tensor"),
        (torch.ones(2, dtype=torch.complex128), "ComplexDoubleStorage, which is not supported"),
        (torch.ones(2).to_sparse(), "calls torch._utils._rebuild_sparse_tensor when"),
    ],
)
def test_tensors_of_kinds_that_are_not_supported(
    value: torch.Tensor, said: str, tmp_path: Path
) -> None:
    assert said in refusal(save(tmp_path / "w.pt", {"w": value}))


def test_an_optimizer_without_tensors_is_left_out_too(tmp_path: Path) -> None:
    optimizer = torch.optim.SGD([torch.ones(2)], lr=0.1).state_dict()
    path = save(tmp_path / "w.pt", {"model": {"w": torch.ones(2)}, "optimizer": optimizer})
    assert read_contents(path).config["left_out"] == {"optimizer": "a dict of state, param_groups"}


def test_an_expanded_tensor_is_refused_when_read(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pt", {"w": torch.ones(1).expand(2**40, 2**20), "v": torch.ones(2)})
    tensors = read_contents(path).tensors
    assert tensors["v"].read().tolist() == [1, 1]
    with pytest.raises(UnreadableFile, match="tensor 'w': repeats 4 stored bytes to fill shape"):
        tensors["w"].read()


@pytest.mark.parametrize(
    "wrapper", ["model", "state_dict", "model_state_dict", "net", "module", "ema"]
)
def test_wrappers_are_looked_into(wrapper: str, tmp_path: Path) -> None:
    state = collections.OrderedDict({"_orig_mod.w": torch.ones(2), "_extra_state": {"a": 1}})
    value = {"epoch": 3, wrapper: state, "rng_state": torch.zeros(8, dtype=torch.uint8)}
    contents = read_contents(save(tmp_path / "w.pt", value))
    assert list(contents.tensors) == ["_orig_mod.w"]
    assert contents.config == {
        "epoch": 3,
        "_extra_state": {"a": 1},
        "left_out": {"rng_state": "a tensor of shape [8]"},
    }


def test_the_model_comes_before_its_average_and_wrappers_nest(tmp_path: Path) -> None:
    value = {
        "ema": {"w": torch.zeros(2)},
        "model": {"state_dict": {"w": torch.ones(2)}, "step": 4},
        "step": 5,
    }
    contents = read_contents(save(tmp_path / "w.pt", value))
    assert contents.tensors["w"].read().tolist() == [1, 1]
    assert contents.config["step"] == 5
    assert contents.config["left_out"] == {"ema": "a dict of w, tensors or arrays inside: 1"}


def test_a_module_with_its_metadata(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    contents = read_contents(save(tmp_path / "w.pt", module.state_dict()))
    assert contents.tensors.keys() == module.state_dict().keys()
    assert contents.config == {}
    assert contents.tensors["1.num_batches_tracked"].read() == 0


def test_nvidia_ngpt_layout(tmp_path: Path) -> None:
    """An object of class ``model.GPTConfig``, as NVIDIA's train.py leaves in `config`."""
    weights = {
        "_orig_mod.transformer.h.0.query.weight": torch.randn(8, 8).bfloat16(),
        "_orig_mod.transformer.h.0.sqk": torch.full((8,), 0.125),
        "_orig_mod.sz": torch.full((16,), 0.125),
    }
    said = {"n_layer": 1, "base_scale": 0.125, "use_nGPT": 1}
    value = {
        "model": weights,
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(8)}}, "param_groups": [{"lr": 1.0}]},
        "model_args": {"use_nGPT": 1, "n_layer": 1, "n_head": 2, "base_scale": 0.125},
        "iter_num": 11,
        "rng_state_pytorch_bytes": torch.get_rng_state(),
        "rng_state_numpy": np.random.get_state(),  # noqa: NPY002 - what NVIDIA's train.py saves
    }
    with throwaway_class("model", "GPTConfig") as config_class:
        config = config_class()
        vars(config).update(said)
        path = save(tmp_path / "ckpt.pt", value | {"config": config})
    contents = read_contents(path)
    assert set(contents.tensors) == set(weights)
    for name, expected in weights.items():
        assert torch.equal(bits(contents.tensors[name].read()), bits(expected))
    assert contents.config["model_args"]["base_scale"] == 0.125
    assert contents.config["config"] == said
    assert contents.config["iter_num"] == 11
    left_out = {"optimizer", "rng_state_pytorch_bytes", "rng_state_numpy"}
    assert contents.config["left_out"].keys() == left_out
    assert "tensors or arrays inside: 1" in contents.config["left_out"]["rng_state_numpy"]


def test_a_pickled_model_is_refused(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.GELU())
    for name, value in {"bare": module, "wrapped": {"model": module, "step": 1}}.items():
        message = refusal(save(tmp_path / f"{name}.pt", value))
        assert "pickles a whole model, an object of class torch.nn.modules.container.Seq" in message
        assert message.endswith("load it where it was made and save model.state_dict() instead")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([torch.ones(2)], "a list of length 1, tensors or arrays inside: 1"),
        (torch.ones(2), "a tensor of shape [2]"),
        ({"a": {"b": torch.ones(2)}}, "a dict of a, tensors or arrays inside: 1"),
        ({}, "a dict of nothing;"),
        (5, "a value of type int;"),
    ],
)
def test_a_file_without_a_state_dict(value: object, expected: str, tmp_path: Path) -> None:
    message = refusal(save(tmp_path / "w.pt", value))
    assert f"holds no tensors by name, but {expected}" in message


def test_a_torchscript_archive_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pt", {"w": torch.ones(2)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("w/constants.pkl", b"")
    assert "is a TorchScript archive, a program" in refusal(path)


def test_big_endian_values_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pt", {"w": torch.ones(2)})
    data = path.read_bytes()
    assert data.count(b"little") == 1
    path.write_bytes(data.replace(b"little", b"biglit"))
    assert "stores its values in byte order 'biglit'; save it again on a little" in refusal(path)


def test_real_checkpoint() -> None:
    path = shared_weights("nanogpt_variant_ckpt.pt")
    expected = torch.load(path, map_location="cpu", weights_only=True)
    contents = read_contents(path)
    assert contents.tensors.keys() == expected["model"].keys()
    for name, values in expected["model"].items():
        assert torch.equal(bits(contents.tensors[name].read()), bits(values))
    assert contents.config["model_args"] == expected["model_args"]
    assert contents.config["iter_num"] == expected["iter_num"]
    assert contents.config["best_val_loss"] == float(expected["best_val_loss"])
    assert list(contents.config["left_out"]) == ["optimizer"]
