"""Weights of torchao and quanto of 4 bits: decoded beside NumPy, or refused by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from quantised_helpers import only
from safetensors.torch import save_file

from ngpt_inspect.formats import read_contents

DRAW = np.random.default_rng(4)
N_OUT, N_IN, N_GROUPS = 6, 32, 4
NAME = "model.layers.0.q_proj"


def int4() -> tuple[dict[str, torch.Tensor], np.ndarray]:
    """Return the parts of an `Int4Tensor`, and what it stands for."""
    codes = DRAW.integers(-8, 8, (N_OUT, N_IN))
    scales, zeros = DRAW.standard_normal((2, N_GROUPS, N_OUT)).astype(np.float16)
    low, high = codes[:, 0::2] & 15, codes[:, 1::2] & 15
    group = np.repeat(np.arange(N_GROUPS), N_IN // N_GROUPS)
    values = codes * scales.astype(float).T[:, group] + zeros.astype(float).T[:, group]
    parts = {"qdata": (low | high << 4).astype(np.uint8).view(np.int8)}
    parts |= {"scale": scales, "zero_point": zeros}
    return {key: torch.from_numpy(np.ascontiguousarray(a)) for key, a in parts.items()}, values


def flattened(folder: Path, parts: dict[str, torch.Tensor], kind: str) -> Path:
    """Write the parts of a tensor as torchao flattens it for safetensors."""
    said = {f"{NAME}.weight": json.dumps({"_type": kind, "_data": {"shape": [N_OUT, N_IN]}})}
    tensors = {f"{NAME}._weight_{key}": part for key, part in parts.items()}
    save_file(tensors, folder / "model.safetensors", metadata=said)
    return folder / "model.safetensors"


def in_memory(parts: dict[str, torch.Tensor], patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a state dict with a tensor like torchao's, which is not needed for it."""

    class Int4Tensor(torch.Tensor):
        @staticmethod
        def __new__(cls, parts: dict[str, torch.Tensor]) -> Any:
            made = torch.Tensor._make_wrapper_subclass(cls, (N_OUT, N_IN), dtype=torch.float16)
            made.__dict__.update(parts, block_size=[1, N_IN // N_GROUPS], act_pre_scale=None)
            return made

        @classmethod
        def __torch_dispatch__(cls, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    library = ModuleType("torchao.quantization")
    library.Int4Tensor = Int4Tensor  # type: ignore[attr-defined]
    Int4Tensor.__module__, Int4Tensor.__qualname__ = library.__name__, "Int4Tensor"
    patch.setitem(sys.modules, "torchao", ModuleType("torchao"))
    patch.setitem(sys.modules, library.__name__, library)
    return {f"{NAME}.weight": Int4Tensor(parts), "step": 3}


def pickled(folder: Path, parts: dict[str, torch.Tensor], patch: pytest.MonkeyPatch) -> Path:
    torch.save(in_memory(parts, patch), folder / "model.bin")
    patch.undo()
    return folder / "model.bin"


@pytest.mark.parametrize("form", ["safetensors", "pickle", "memory"])
def test_int4(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, expected = int4()
    source: Any = in_memory(parts, monkeypatch)
    if form != "memory":
        source = pickled(tmp_path, parts, monkeypatch)
    if form == "safetensors":
        source = flattened(tmp_path, parts, "Int4Tensor")
    tensor = only(source)
    assert (tensor.name, tensor.dtype, tensor.obstacle) == (f"{NAME}.weight", "int4", "")
    np.testing.assert_array_equal(tensor.read().numpy(), expected)
    np.testing.assert_array_equal(tensor.read(2, 5).numpy(), expected[2:5])


def refusal(path: Path) -> str:
    return next(each.obstacle for each in read_contents(path).tensors.values() if each.obstacle)


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        ({"scale": None}, "Int4Tensor", "q_proj.weight_scale are missing"),
        ({"scale": torch.ones(5, N_OUT)}, "Int4Tensor", "do not fit"),
        ({"act_pre_scale": torch.ones(N_IN)}, "Int4Tensor", "act_pre_scale multiplies"),
        (
            {"qdata": torch.zeros(6, 4).int()},
            "Int4PlainInt32Tensor",
            "for one kind of device (Int4PlainInt32Tensor): save",
        ),
        ({"qdata": torch.zeros(1, 1, 32, 4).int()}, "Int4TilePackedTo4dTensor", "kind of device"),
    ],
)
def test_what_is_not_read_is_said(
    change: dict[str, torch.Tensor | None], kind: str, why: str, tmp_path: Path
) -> None:
    parts = {key: part for key, part in (int4()[0] | change).items() if part is not None}
    assert why in refusal(flattened(tmp_path, parts, kind))


def test_quanto_of_4_bits_is_refused_by_name(tmp_path: Path) -> None:
    codes = torch.zeros(12, 16, dtype=torch.uint8)
    parts = {"w.weight._data._data": codes, "w.weight._scale": torch.ones(24, 1)}
    save_file(parts | {"w.weight._shift": torch.ones(24, 1)}, tmp_path / "m.safetensors")
    tensors = read_contents(tmp_path / "m.safetensors").tensors
    assert list(tensors) == ["w.weight._data._data"]
    assert refusal(tmp_path / "m.safetensors").startswith("packed by quanto in 2 or 4 bits")
