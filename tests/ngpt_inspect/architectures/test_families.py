"""Every family: recognised by itself, every tensor placed, every number recovered."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from families import FAMILIES
from families.known import D_K, D_MLP, HEADS, VOCAB, D, Expected
from models import ARCHITECTURE_OF

import ngpt_inspect as ni
from ngpt_inspect.architectures import ARCHITECTURES
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.tables.rows import records
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

Opened = tuple[WeightSet, Expected]
every = pytest.mark.parametrize("name", FAMILIES)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory):
    """Return a function giving a family's model, opened, and what must be in it."""
    folder = tmp_path_factory.mktemp("families")

    @cache
    def write(name: str) -> Opened:
        expected = FAMILIES[name].write(folder / name)
        return open_checkpoint(expected.path, **FAMILIES[name].options), expected

    return write


def test_no_declaration_is_without_a_file() -> None:
    written = {family.architecture for family in FAMILIES.values()} | set(ARCHITECTURE_OF.values())
    assert written == set(ARCHITECTURES)


@every
def test_is_recognised_and_every_tensor_and_value_is_in_its_place(name: str, opened) -> None:
    model, expected = opened(name)
    assert model.architecture == FAMILIES[name].architecture
    assert model.unrecognised == ()
    sizes = (model.shape.d_model, model.shape.d_mlp, model.shape.vocab_size)
    assert sizes == (D, D_MLP, VOCAB)
    assert (model.shape.n_heads, model.shape.n_kv_heads) == (HEADS, expected.n_kv_heads)
    assert {(str(w.role), w.layer, w.expert) for w in model} == set(expected.values)
    named = {weight.tensor.name for weight in model} | set(model.ignored)
    assert named == set(model.contents.tensors)
    for weight in model:
        values = weight.values().double()
        wanted = expected.values[str(weight.role), weight.layer, weight.expert]
        check(values.numpy(), wanted, weight.source)
        heads = weight.heads(values)
        blocks = own_heads(str(weight.role), wanted, expected.n_kv_heads)
        assert (heads is None) == (not blocks), weight.source
        for head, block in zip(() if heads is None else heads, blocks, strict=True):
            check(head.numpy(), block, weight.source)


def check(found: np.ndarray, wanted: np.ndarray, source: str) -> None:
    assert found.shape == wanted.shape, source
    # Numbers near zero (a gain stored as w of 1 + w) keep the precision of the whole.
    floor = 1e-7 * np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=floor, err_msg=source)


def own_heads(role: str, matrix: np.ndarray, n_kv_heads: int) -> list[np.ndarray]:
    """Return the heads, cut out here by hand: columns of W_o, rows of the others."""
    if role not in ("W_q", "W_k", "W_v", "W_o"):
        return []
    n = n_kv_heads if role in ("W_k", "W_v") else HEADS
    cuts = [slice(h * D_K, (h + 1) * D_K) for h in range(n)]
    return [matrix[:, cut] if role == "W_o" else matrix[cut] for cut in cuts]


@pytest.mark.parametrize(
    "name", [n for n, f in FAMILIES.items() if ARCHITECTURES[f.architecture].family == "nGPT"]
)
def test_the_one_matrix_off_the_sphere_is_found(name: str, opened) -> None:
    model, expected = opened(name)
    table = ni.measure(model, "unit_norm")
    rows = table[(table["measure"] == "unit_norm") & (table["value"] == 0)]
    found = {(row["role"], row["layer"], row["expert"]) for row in records(rows)}
    assert found == set(expected.off_sphere)


@pytest.mark.parametrize(
    ("name", "drawn", "left_out", "figures"),
    [
        ("nvidia", ("s_qk",), ("s_q", "s_k"), ["learned_scales"]),
        ("olmo_core", ("s_q", "s_k"), ("s_qk",), ["learned_distributions", "scaling_factors"]),
    ],
)
def test_figures_show_the_way_a_model_scales_queries_and_keys(
    name: str, drawn: tuple[str, ...], left_out: tuple[str, ...], figures: list[str], opened
) -> None:
    model, _ = opened(name)
    for figure in figures:
        text = str(ni.figure(figure, model).to_dict())
        symbols = {role: Role(role).facts.symbol for role in (*drawn, *left_out)}
        said = {role for role, symbol in symbols.items() if symbol in text}
        assert said == set(drawn), figure
