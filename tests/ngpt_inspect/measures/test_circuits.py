"""QK and OV of heads against whole d x d products in numpy, on files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from measures_helpers import (
    D_MODEL,
    D_NOPE,
    D_ROPE,
    D_V,
    N_HEADS,
    RANK,
    RANK_Q,
    rows_of,
    write_deepseek,
)
from models import Tiny, tiny_gpt, tiny_ngpt, write_llama, write_reference
from tolerances import rounding

import ngpt_inspect as ni
from ngpt_inspect.vocabulary import Status


def head_of(table: pd.DataFrame, role: str, layer: int, head: int) -> dict[str, float]:
    rows = rows_of(table, role=role, layer=layer, head=head)
    return dict(zip(rows["measure"], rows["value"], strict=True))


def spectra_of(model: Tiny, layer: int, head: int) -> dict[str, np.ndarray]:
    """Return the first d_k singular values of QK and of OV, as whole products."""
    group = head // (model.n_heads // model.n_kv_heads)
    gain = np.diag(model.arrays.get(("gain_A", layer), np.ones(model.d_model)))
    query, out = (model.heads(role, layer)[head] for role in ("W_q", "W_o"))
    key, value = (model.heads(role, layer)[group] for role in ("W_k", "W_v"))
    scale = np.eye(model.d_k)
    if model.family == "nGPT":
        scale = np.diag(model.effective("s_qk", layer).reshape(-1, model.d_k)[head] ** 2)
    whole = {"W_q": gain @ query.T @ scale @ key @ gain, "W_o": out @ value @ gain}
    return {
        role: np.linalg.svd(each, compute_uv=False)[: model.d_k] for role, each in whole.items()
    }


def assert_whole_products(table: pd.DataFrame, model: Tiny) -> None:
    for layer in range(model.n_layers):
        for head in range(model.n_heads):
            for role, s_n in spectra_of(model, layer, head).items():
                found = head_of(table, role, layer, head)
                kappa, p_n = s_n[0] / s_n[-1], s_n / s_n.sum()
                stable, effective = (s_n**2).sum() / s_n[0] ** 2, np.exp(-(p_n @ np.log(p_n)))
                expected = {
                    "circuit_condition_number": kappa,
                    "circuit_sigma_max": s_n[0],
                    "circuit_sigma_min": s_n[-1],
                    "circuit_stable_rank": stable,
                    "circuit_stable_rank_share": stable / model.d_k,
                    "circuit_effective_rank": effective,
                    "circuit_effective_rank_share": effective / model.d_k,
                }
                assert found == pytest.approx(expected, rel=rounding(model.d_model**2, kappa))


@pytest.mark.parametrize("groups", [4, 2, 1])
def test_a_gpt_with_its_gain_and_shared_keys(groups: int, tmp_path: Path) -> None:
    model = tiny_gpt(n_kv_heads=groups)
    path = write_llama(model, tmp_path / "llama", dtype=torch.float64)
    assert_whole_products(ni.measure(path, "circuits"), model)


def test_an_ngpt_with_its_scales(tmp_path: Path) -> None:
    model = tiny_ngpt()
    path = write_reference(model, tmp_path / "ngpt.safetensors", dtype=torch.float64)
    assert_whole_products(ni.measure(path, "circuits"), model)


def test_the_gauge_of_a_head_changes_its_matrices_and_not_its_circuits(tmp_path: Path) -> None:
    model = tiny_gpt()
    rng = np.random.default_rng(0)
    change = rng.standard_normal((4, 4))
    w_v, w_o = model.arrays["W_v", 0].copy(), model.arrays["W_o", 0].copy()
    w_v[:4], w_o[:, :4] = change @ w_v[:4], w_o[:, :4] @ np.linalg.inv(change)
    both = [
        write_reference(each, tmp_path / f"{n}.safetensors", dtype=torch.float64)
        for n, each in enumerate((model, model.changed(W_v_0=w_v, W_o_0=w_o)))
    ]
    names = ["circuits", "condition_numbers"]
    before, after = (head_of(ni.measure(path, names, roles="W_o"), "W_o", 0, 0) for path in both)
    for name, value in before.items():
        if name.startswith("circuit_"):
            assert after[name] == pytest.approx(value, rel=rounding(256, 1e4)), name
    assert after["condition_number"] > 1.5 * before["condition_number"]


def test_rank_that_is_lost_in_s_qk_alone(tmp_path: Path) -> None:
    model = tiny_ngpt()
    s_qk = model.arrays["s_qk", 1].copy()
    s_qk.reshape(4, 4)[2, 1] = 0
    path = write_reference(model.changed(s_qk_1=s_qk), tmp_path / "x.safetensors")
    table = ni.measure(path, "circuits", roles="W_q", layers=1)
    kappa = table[table["measure"] == "circuit_condition_number"].set_index("head")
    assert kappa.loc[2, "status"] == Status.RANK_DEFICIENT
    assert np.isinf(kappa.loc[2, "value"])
    assert (kappa.drop(2)["status"] == Status.OK).all()


def test_what_a_layer_has_not_is_said(tmp_path: Path) -> None:
    """A layer that uses the keys of another has no QK of its own."""

    def drop(tensors: dict[str, torch.Tensor]) -> None:
        tensors["layers.1.attention.W_v.weight"] *= float("nan")

    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors", change=drop)
    table = ni.measure(path, "circuits", roles="W_o", layers=1)
    assert table["status"].tolist() == [Status.SKIPPED]
    told = "layers.1.attention.W_o.weight: layers.1.attention.W_v.weight: 256 of 256 values are NaN"
    assert told in table["reason"].item()


@pytest.mark.parametrize("latent_queries", [False, True])
def test_latent_attention_through_its_factors(latent_queries: bool, tmp_path: Path) -> None:
    """DeepSeek: keys of a latent beside rotated ones that all heads share, gains of every norm."""
    rng, width = np.random.default_rng(0), D_NOPE + D_ROPE
    sizes = {
        "kv_a_proj_with_mqa": (RANK + D_ROPE, D_MODEL),
        "kv_a_layernorm": (RANK,),
        "kv_b_proj": (N_HEADS * (D_NOPE + D_V), RANK),
        "o_proj": (D_MODEL, N_HEADS * D_V),
    }
    if latent_queries:
        sizes |= {"q_a_proj": (RANK_Q, D_MODEL), "q_a_layernorm": (RANK_Q,)}
    sizes["q_b_proj" if latent_queries else "q_proj"] = (
        N_HEADS * width,
        RANK_Q if latent_queries else D_MODEL,
    )
    part = {name: rng.standard_normal(size) for name, size in sizes.items()}
    queries = part.get("q_proj")
    if queries is None:
        queries = (part["q_b_proj"] * part["q_a_layernorm"]) @ part["q_a_proj"]
    gains = rng.standard_normal(D_MODEL)
    table = ni.measure(write_deepseek(tmp_path, part, gains), "circuits")
    gain, down = np.diag(gains), part["kv_a_proj_with_mqa"]
    behind = part["kv_b_proj"] * part["kv_a_layernorm"] @ down[:RANK]
    for head in range(N_HEADS):
        of_head = behind[head * (D_NOPE + D_V) : (head + 1) * (D_NOPE + D_V)]
        key, value = of_head[:D_NOPE], of_head[D_NOPE:]
        query = queries[head * width : (head + 1) * width]
        out = part["o_proj"][:, head * D_V : (head + 1) * D_V]
        whole = {
            "W_q": gain @ query.T @ np.concatenate((key, down[RANK:])) @ gain,
            "W_o": out @ value @ gain,
        }
        for role, n in (("W_q", width), ("W_o", D_V)):
            s_n = np.linalg.svd(whole[role], compute_uv=False)[:n]
            found = head_of(table, role, 0, head)
            kappa = pytest.approx(s_n[0] / s_n[-1], rel=rounding(576, s_n[0] / s_n[-1]))
            assert found["circuit_condition_number"] == kappa
            assert found["circuit_sigma_max"] == pytest.approx(s_n[0], rel=rounding(576))
