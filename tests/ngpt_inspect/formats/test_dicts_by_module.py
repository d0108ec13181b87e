"""Files of torch.save that keep one model as dicts of dicts: Megatron-LM before its core, HQQ."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ngpt_inspect as ni
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.formats import read_contents
from ngpt_inspect.vocabulary import Role

DRAW = np.random.default_rng(8)
V, D, HEADS, D_K, D_MLP = 13, 12, 3, 4, 20


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(DRAW.standard_normal(shape).astype(np.float32))


def by_row(parts: torch.Tensor) -> torch.Tensor:
    """Put three (heads, d_k, in) in the order of a file: (heads, d_k, 3, in)."""
    return parts.movedim(0, 2)


ORDERS = {
    None: lambda parts: parts,  # (3, heads, d_k, in)
    0: lambda parts: parts,
    1.0: by_row,
    3.0: lambda parts: parts.movedim(0, 1),  # (heads, 3, d_k, in)
}


@pytest.mark.parametrize("version", ORDERS)
@pytest.mark.parametrize("names", [("encoder", "self_attention"), ("transformer", "attention")])
def test_megatron_before_its_core(
    version: float | None, names: tuple[str, str], tmp_path: Path
) -> None:
    """`fix_query_key_value_ordering` of its loader says which version has which order."""
    trunk, attention = names
    parts, up, out = drawn(3, HEADS, D_K, D), drawn(D_MLP, D), drawn(D, D_MLP)
    layer = {
        f"{attention}.query_key_value.weight": ORDERS[version](parts).reshape(-1, D).contiguous(),
        f"{attention}.query_key_value.bias": drawn(3 * D),
        f"{attention}.dense.weight": drawn(D, D),
        "input_layernorm.weight": drawn(D),
        "post_attention_layernorm.weight": drawn(D),
        "mlp.dense_h_to_4h.weight": up,
        "mlp.dense_4h_to_h.weight": out,
    }
    embedding = {"word_embeddings": {"weight": drawn(V, D)}, "position_embeddings": {}}
    layers = {f"layers.0.{name}": tensor for name, tensor in layer.items()}
    final = {"final_layernorm.weight": drawn(D)}
    model = {"language_model": {"embedding": embedding, trunk: layers | final}}
    said = {} if version is None else {"checkpoint_version": version}
    state = {"model": model, "iteration": 7, "args": Namespace(num_attention_heads=HEADS), **said}
    torch.save(state | {"optimizer": {"state": {"a": {"weight": drawn(V, D)}}}}, tmp_path / "m.pt")
    checkpoint = ni.open_checkpoint(tmp_path / "m.pt")
    assert (checkpoint.unrecognised, dict(checkpoint.contents.parts)) == ((), {})
    for role, expected in zip((Role.W_Q, Role.W_K, Role.W_V), parts, strict=True):
        weight = checkpoint.get(role, 0)
        heads = weight.heads(weight.values())
        assert heads is not None
        assert torch.equal(heads.float(), expected)
    assert torch.equal(checkpoint.get(Role.W_U, 0).values().float(), up)
    assert torch.equal(checkpoint.get(Role.W_O_MLP, 0).values().float(), out)


def quantised(values: np.ndarray, bits: int, axis: int | None) -> tuple[np.ndarray, dict[str, Any]]:
    """Return codes in the shape of the values, and what HQQ says of them."""
    low, high = (f(values, axis=axis, keepdims=axis is not None) for f in (np.min, np.max))
    scale = np.asarray((high - low) / (2**bits - 1)).astype(np.float32)
    zero = np.asarray(-low / scale).astype(np.float32)
    codes = np.clip(np.round(values / scale + zero), 0, 2**bits - 1).astype(np.uint8)
    said = {"nbits": bits, "axis": axis or 0, "shape": torch.Size(values.shape)}
    return codes, said | {"scale": torch.from_numpy(scale), "zero": torch.from_numpy(zero)}


def values_of(codes: np.ndarray, said: dict[str, Any]) -> np.ndarray:
    scale, zero = (said[key].numpy().astype(float) for key in ("scale", "zero"))
    found: np.ndarray = (codes - zero) * scale
    return found


@pytest.mark.parametrize("inner", ["", "meta"])
@pytest.mark.parametrize("axis", [0, 1])
def test_hqq_whose_scales_are_quantised(inner: str, axis: int, tmp_path: Path) -> None:
    shape, group = (16, 24), 8
    n = shape[0] * shape[1] // group
    seen = (n, group) if axis else (group, n)
    codes, said = quantised(DRAW.standard_normal(seen), 4, axis)
    told, sides = dict(said), {}
    for part, way in (("scale", 0), ("zero", None)):
        values = told.pop(part).numpy()
        grouped = values.reshape(4, -1) if part == "scale" else values
        of_part, meta = quantised(grouped, 8, way)
        sides[part] = torch.from_numpy(values_of(of_part, meta).reshape(values.shape))
        meta["shape"] = torch.Size(values.shape)
        told |= {f"{part}_q": torch.from_numpy(of_part), f"meta_{part}": meta}
    expected = values_of(codes, sides).reshape(shape)
    half = len(codes) // 2
    told["shape"] = torch.Size(shape)
    module = {"W_q": torch.from_numpy(codes[:half] << 4 | codes[half:])}
    module |= {inner: told} if inner else told
    state = {"model.layers.0.q_proj": module, "model.norm": {"weight": torch.ones(4)}}
    torch.save(state, tmp_path / "qmodel.pt")
    tensors = read_contents(tmp_path / "qmodel.pt").tensors
    assert list(tensors) == ["model.layers.0.q_proj.weight", "model.norm.weight"]
    assert tensors["model.layers.0.q_proj.weight"].dtype == "HQQ int4"
    np.testing.assert_array_equal(tensors["model.layers.0.q_proj.weight"].read(), expected)
    (told if inner else module).pop("meta_zero")
    torch.save(state, tmp_path / "qmodel.pt")
    lost = read_contents(tmp_path / "qmodel.pt").tensors["model.layers.0.q_proj.W_q"]
    assert lost.obstacle == "quantised by HQQ, and without zero no values follow"


def test_dicts_that_are_a_model_each_are_no_one_model(tmp_path: Path) -> None:
    state = {name: {"layers.0.weight": drawn(4, 4)} for name in ("actor", "critic")}
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(WrongOption, match="holds 2 sets of weights") as caught:
        read_contents(tmp_path / "m.pt")
    assert "actor, critic" in caught.value.next_step


def test_a_dict_that_is_there_everywhere_is_looked_into_once(tmp_path: Path) -> None:
    inner: dict[str, Any] = {"weight": drawn(2, 2)}
    for _ in range(7):
        inner = {f"k{n}": inner for n in range(20)}
    torch.save(inner, tmp_path / "m.pt")
    assert len(read_contents(tmp_path / "m.pt").tensors) == 1
