"""Experts of mixtures in three layouts, against full decompositions in float64."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from measures_helpers import rows_of
from mixtures import LAYERS, NAMES, D, E, write_mixture

import ngpt_inspect as ni
from ngpt_inspect.numerics import experts as module
from ngpt_inspect.numerics.experts import leading_directions, pair_cosines

draw = partial(torch.randn, generator=torch.Generator().manual_seed(0))


def of(table, measure, layer=0):
    rows = rows_of(table, measure=measure, layer=layer)
    return rows.sort_values(["index", "partner"])


@pytest.mark.parametrize("family", NAMES)
def test_every_pair_is_what_float64_says(family, tmp_path):
    folder, tensors = write_mixture(tmp_path / "x", family)
    room, gate, names, _ = NAMES[family]
    table = ni.measure(folder, "experts")
    for layer in range(LAYERS):
        at = f"model.layers.{layer}.{room}"
        matrices = [
            [tensors[f"{at}.experts.{each}.{name}.weight"].double() for name in names]
            for each in range(E)
        ]
        long = torch.stack([torch.cat([m.flatten() for m in each]) for each in matrices])
        long /= long.norm(dim=1, keepdim=True)
        pairs = [(i, j) for i in range(E) for j in range(i + 1, E)]
        cosines = of(table, "expert_similarity", layer)
        assert list(zip(cosines["index"], cosines["partner"], strict=True)) == pairs
        wanted = [float(long[i] @ long[j]) for i, j in pairs]
        assert cosines["value"].tolist() == pytest.approx(wanted, abs=1e-12)
        hidden = [[first, second, out.T] for first, second, out in matrices]
        bases = [[torch.linalg.svd(m).Vh[:8].T for m in each] for each in hidden]
        wanted = [
            np.mean([float((p.T @ q).square().sum()) / 8 for p, q in zip(*both, strict=True)])
            for both in ((bases[i], bases[j]) for i, j in pairs)
        ]
        overlaps = of(table, "expert_overlap", layer)["value"].tolist()
        assert overlaps == pytest.approx(wanted, abs=1e-9)
        norms = of(table, "router_norm", layer)["value"].to_numpy()
        router = tensors[f"{at}.{gate}.weight"].double()
        np.testing.assert_allclose(norms, router.norm(dim=1), rtol=1e-12)
        assert of(table, "expert_overlap_random", layer)["value"].item() == 8 / D
        assert of(table, "dead_experts", layer)["value"].item() == 0
    assert set(table["role"]) == {"W_router"}
    assert table["expert"].isna().all()


def test_experts_that_do_nothing_of_their_own_are_named(tmp_path):
    room = "model.layers.1.block_sparse_moe"

    def change(tensors):
        for name in ("w1", "w2", "w3"):
            copied = tensors[f"{room}.experts.0.{name}.weight"].clone()
            tensors[f"{room}.experts.2.{name}.weight"] = copied
        tensors[f"{room}.experts.3.w2.weight"].zero_()
        tensors[f"{room}.gate.weight"][1] = 0

    folder, _ = write_mixture(tmp_path / "x", change=change)
    table = ni.measure(folder, "experts")
    dead = of(table, "dead_experts", 1)
    assert dead["value"].item() == 3
    assert dead["reason"].item() == (
        "expert 1: a router row of zeros; expert 2: equal to expert 0; expert 3: W_oMLP of zeros"
    )
    assert of(table, "dead_experts", 0)["value"].item() == 0
    overlaps = of(table, "expert_overlap", 1)
    skipped = overlaps[overlaps["status"] == "skipped"]
    assert skipped["partner"].tolist() == [3, 3, 3]
    assert skipped["reason"].unique().tolist() == ["expert 3: W_oMLP has rank 0 below 8"]
    assert overlaps["value"].notna().sum() == 3
    first = of(table, "expert_similarity", 1).set_index(["index", "partner"])["value"]
    assert first[0, 2] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("shape", [(20, 12), (12, 20)])
@pytest.mark.parametrize("rank", [0, 3, 8])
def test_no_more_directions_than_the_rank(shape, rank):
    u, s, v = torch.linalg.svd(draw(*shape).double(), full_matrices=False)
    basis = leading_directions(u[:, :rank] * s[:rank] @ v[:rank], 8)
    assert basis.shape == (shape[1], rank)
    inside = v[:rank] @ basis  # a rotation where both span the same
    torch.testing.assert_close(inside @ inside.T, torch.eye(rank, dtype=torch.float64))


def test_a_bad_value_skips_its_layer(tmp_path):
    def change(tensors):
        tensors["model.layers.0.block_sparse_moe.experts.1.w1.weight"][0, 0] = math.nan

    folder, _ = write_mixture(tmp_path / "x", change=change)
    table = ni.measure(folder, "experts")
    skipped = table[table["status"] == "skipped"]
    assert skipped["layer"].tolist() == [0]
    assert "1 of 192 values are NaN or infinite" in skipped["reason"].item()
    assert of(table, "dead_experts", 1)["value"].item() == 0


def test_a_block_of_experts_at_a_time_gives_the_same(monkeypatch):
    vectors = [draw(30) for _ in range(7)]
    whole = pair_cosines(lambda number: vectors[number], 7)
    monkeypatch.setattr(module, "HELD", 60)
    monkeypatch.setattr(module, "PIECE", 1 << 30)
    assert torch.equal(pair_cosines(lambda number: vectors[number], 7), whole)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_experts_whose_squares_leave_float64(size):
    vectors = torch.randn(3, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found, plain = (pair_cosines(each.__getitem__, 3) for each in (vectors * size, vectors))
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=1e-15)


def test_the_figure_and_the_command(cli, tmp_path):
    folder, _ = write_mixture(tmp_path / "x")
    printed = cli("experts", folder, "--figure", tmp_path / "x.html")
    assert printed.exit_code == 0, printed.stderr
    assert printed.stdout.count("W_router") == LAYERS
    drawing = ni.figure("experts", folder, width="one")
    assert drawing.layout.width == 312
    titles = {each.text for each in drawing.layout.annotations}
    assert {"cosine of experts", "dead experts"} <= titles
    dense = ni.figure("experts", table=ni.measure(folder, "experts").iloc[:0])
    assert not dense.data
