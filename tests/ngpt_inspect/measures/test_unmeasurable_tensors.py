"""NaN, infinity and strange dtypes: one skipped row that names the tensor, the rest measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import Tensors, series_of, tiny_gpt, tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES, Measure
from ngpt_inspect.vocabulary import Role, Status

NAMES = {
    Role.E_INPUT: "E_input.weight",
    Role.W_O: "layers.1.attention.W_o.weight",
    Role.ALPHA_M: "layers.1.alpha_M",
    Role.S_QK: "layers.1.attention.s_qk",
    Role.W_Q: "layers.1.attention.W_q.weight",
}

ROW_BY_ROW = {"token_health"}
"""Measures that leave out the rows that hold NaN and measure the others."""

HERE = {name: each for name, each in MEASURES.items() if set(NAMES) & set(each.roles)}
"""Mixtures have tests of their own."""

every = pytest.mark.parametrize("each", HERE.values(), ids=list(HERE))


def victim(each: Measure) -> Role:
    return next(role for role in NAMES if role in each.roles)


TOGETHER = {
    role: here
    for role in NAMES
    if (here := [each for each in HERE.values() if victim(each) is role])
}
"""Measures by the tensor that is changed to test them."""
of_role = pytest.mark.parametrize("role", TOGETHER)


def tables(path: Path, role: Role) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of each measure of `TOGETHER`, measured at once, by its name."""
    table = ni.measure(path, [each.name for each in TOGETHER[role]])
    for each in TOGETHER[role]:
        yield each.name, table[table["measure"].isin(each.quantities)]


def damaged(tmp_path: Path, name: str, change: object) -> Path:
    def apply(tensors: Tensors) -> None:
        tensors[name] = change(tensors[name])

    return write_reference(tiny_ngpt(), tmp_path / "x.safetensors", change=apply)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pd.DataFrame]:
    """Return a function giving the table of one measure where nothing is damaged."""
    path = write_reference(tiny_ngpt(), tmp_path_factory.mktemp("whole") / "x.safetensors")
    return cache(lambda measure: ni.measure(path, measure))


def without(table: pd.DataFrame, role: Role) -> pd.DataFrame:
    spoiled = (table["role"] == str(role)) & (table["layer"].fillna(1) == 1)
    return table[~spoiled].reset_index(drop=True)


@every
@pytest.mark.parametrize("value", [float("nan"), -float("inf")])
def test_one_bad_value(
    each: Measure, value: float, whole: Callable[[str], pd.DataFrame], tmp_path: Path
) -> None:
    role = victim(each)

    def spoil(values: torch.Tensor) -> torch.Tensor:
        values = values.clone()
        values.view(-1)[3] = value
        return values

    table = ni.measure(damaged(tmp_path, NAMES[role], spoil), each.name)
    skipped = table[table["status"] == Status.SKIPPED]
    assert series_of(skipped).tolist() == [str(each.headline)]
    assert skipped["role"].tolist() == [str(role)]
    assert skipped["value"].isna().all()
    reason = skipped["reason"].item()
    n_values = 480 if role is Role.E_INPUT else 256 if role in (Role.W_O, Role.W_Q) else 16
    assert reason == f"{NAMES[role]}: 1 of {n_values} values are NaN or infinite"
    wanted = without(whole(each.name), role)
    pd.testing.assert_frame_equal(without(table, role), wanted, check_exact=True)
    coverage = table.attrs["checkpoints"][0]["coverage"]
    assert coverage["measured"] == coverage["weights"] - (each.name not in ROW_BY_ROW)
    assert coverage["skipped"] == {reason: 1}


@of_role
@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool, torch.complex64])
def test_a_dtype_that_is_no_weight(role: Role, dtype: torch.dtype, tmp_path: Path) -> None:
    for name, table in tables(damaged(tmp_path, NAMES[role], lambda t: t.to(dtype)), role):
        skipped = table[table["status"] == Status.SKIPPED]
        assert skipped["role"].tolist() == [str(role)], name
        assert skipped["reason"].item().startswith(f"{NAMES[role]}: "), name
        assert (table["status"] == Status.OK).any(), name


@of_role
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.float8_e4m3fn])
def test_other_floats_are_measured(role: Role, dtype: torch.dtype, tmp_path: Path) -> None:
    for name, table in tables(damaged(tmp_path, NAMES[role], lambda t: t.to(dtype)), role):
        assert not (table["status"] == Status.SKIPPED).any(), name
        assert table["value"].notna().all(), name


@every
@pytest.mark.parametrize("layout", ["gpt", "ngpt"])
def test_everything_in_bfloat16(each: Measure, layout: str, tmp_path: Path) -> None:
    """NumPy has no such type: scales and gains of most public checkpoints come so."""
    model = tiny_gpt() if layout == "gpt" else tiny_ngpt()
    path = write_reference(model, tmp_path / "x.safetensors", dtype=torch.bfloat16)
    exact = write_reference(
        model.rounded(torch.bfloat16), tmp_path / "y.safetensors", dtype=torch.float64
    )
    found, expected = ni.measure(path, each.name), ni.measure(exact, each.name)
    of_dtype = [
        "sigma_resolution",
        "tolerance",
        "unit_norm",
        "within_unit",
        "norm_z",
    ]  # they ask how it is stored
    keep = ~expected["measure"].isin(of_dtype)
    keep &= ~series_of(expected).str.contains("bin_|_largest|_smallest|_error")
    np.testing.assert_allclose(found["value"][keep], expected["value"][keep], rtol=1e-4, atol=1e-5)


OF_TOKENS = ("dot_products", "nearest_tokens", "token_health", "embedding_spectrum")


@pytest.mark.parametrize("measure", OF_TOKENS)
@pytest.mark.parametrize("rows", [0, 1])
def test_embeddings_of_zeros_as_a_head_may_begin(measure: str, rows: int, tmp_path: Path) -> None:
    """Few or no rows have a direction: what needs one is skipped with the reason."""

    def zeros(values: torch.Tensor) -> torch.Tensor:
        kept = torch.zeros_like(values)
        kept[:rows] = values[:rows]
        return kept

    path = damaged(tmp_path, NAMES[Role.E_INPUT], zeros)
    table = ni.measure(path, measure, roles=[Role.E_INPUT])
    ni.summarise(table)
    skipped = table[table["status"] == Status.SKIPPED]
    assert skipped["reason"].str.len().gt(0).all()
    expected = {"dot_products": 1, "nearest_tokens": 30, "token_health": 30 - rows}
    assert len(skipped) == expected.get(measure, len(skipped))
    if measure == "dot_products":
        assert series_of(skipped).item() == "mean cosine"
        assert f"two rows of nonzero norm, and it has {rows}" in skipped["reason"].item()
        mean = table.loc[series_of(table) == "mean dot", "value"].item()
        assert mean == pytest.approx(0, abs=1e-15)
