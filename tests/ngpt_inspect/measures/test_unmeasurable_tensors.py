"""NaN, infinity and strange dtypes: one skipped row that names the tensor, the rest measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import Tensors, Tiny, series_of, tiny_gpt, tiny_ngpt, write_reference

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


def victim(each: Measure) -> Role:
    return next(role for role in NAMES if role in each.roles)


TOGETHER = {
    role: here
    for role in NAMES
    if (here := [each for each in HERE.values() if victim(each) is role])
}
"""Measures by the tensor that is changed to test them."""


def with_each_role(name: str, values: Sequence[object]) -> pytest.MarkDecorator:
    """Try each role, and each value, at least once: neither depends on the other."""
    assert len(values) <= len(TOGETHER)
    return pytest.mark.parametrize(("role", name), [*zip(TOGETHER, cycle(values), strict=False)])


def tables(path: Path, role: Role) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of each measure of `TOGETHER`, measured at once, by its name."""
    table = ni.measure(path, [each.name for each in TOGETHER[role]])
    for each in TOGETHER[role]:
        yield each.name, table[table["measure"].isin(each.quantities)]


def damaged(tmp_path: Path, name: str, change: object) -> Path:
    def apply(tensors: Tensors) -> None:
        tensors[name] = change(tensors[name])

    return write_reference(tiny_ngpt(), tmp_path / "x.safetensors", change=apply)


def without(table: pd.DataFrame, role: Role) -> pd.DataFrame:
    spoiled = (table["role"] == str(role)) & (table["layer"].fillna(1) == 1)
    return table[~spoiled].reset_index(drop=True)


@with_each_role("value", [float("nan"), -float("inf")])
def test_one_bad_value(role: Role, value: float, tmp_path: Path) -> None:
    def spoil(values: torch.Tensor) -> torch.Tensor:
        values = values.clone()
        values.view(-1)[3] = value
        return values

    n_values = 480 if role is Role.E_INPUT else 256 if role in (Role.W_O, Role.W_Q) else 16
    reason = f"{NAMES[role]}: 1 of {n_values} values are NaN or infinite"
    whole = dict(tables(write_reference(tiny_ngpt(), tmp_path / "whole/x.safetensors"), role))
    for name, table in tables(damaged(tmp_path, NAMES[role], spoil), role):
        skipped = table[table["status"] == Status.SKIPPED]
        assert series_of(skipped).tolist() == [str(MEASURES[name].headline)], name
        assert skipped["role"].tolist() == [str(role)], name
        assert skipped["value"].isna().all(), name
        assert skipped["reason"].item() == reason, name
        wanted = without(whole[name], role)
        pd.testing.assert_frame_equal(without(table, role), wanted, check_exact=True)
    coverage, here = table.attrs["checkpoints"][0]["coverage"], [e.name for e in TOGETHER[role]]
    assert coverage["skipped"] == {reason: len(here)}
    assert coverage["weights"] - coverage["measured"] == (not ROW_BY_ROW & set(here))


@with_each_role("dtype", [torch.int8, torch.uint8, torch.bool, torch.complex64])
def test_a_dtype_that_is_no_weight(role: Role, dtype: torch.dtype, tmp_path: Path) -> None:
    for name, table in tables(damaged(tmp_path, NAMES[role], lambda t: t.to(dtype)), role):
        skipped = table[table["status"] == Status.SKIPPED]
        assert skipped["role"].tolist() == [str(role)], name
        assert skipped["reason"].item().startswith(f"{NAMES[role]}: "), name
        assert (table["status"] == Status.OK).any(), name


@with_each_role("dtype", [torch.float64, torch.float16, torch.float8_e4m3fn])
def test_other_floats_are_measured(role: Role, dtype: torch.dtype, tmp_path: Path) -> None:
    for name, table in tables(damaged(tmp_path, NAMES[role], lambda t: t.to(dtype)), role):
        assert not (table["status"] == Status.SKIPPED).any(), name
        assert table["value"].notna().all(), name


@pytest.mark.parametrize("model", [tiny_gpt(), tiny_ngpt()], ids=["gpt", "ngpt"])
def test_everything_in_bfloat16(model: Tiny, tmp_path: Path) -> None:
    """NumPy has no such type: scales and gains of most public checkpoints come so."""
    path = write_reference(model, tmp_path / "x.safetensors", dtype=torch.bfloat16)
    exact = write_reference(
        model.rounded(torch.bfloat16), tmp_path / "y.safetensors", dtype=torch.float64
    )
    found, expected = (ni.measure(each, [*MEASURES]) for each in (path, exact))
    # These ask how it is stored.
    of_dtype = ["sigma_resolution", "tolerance", "unit_norm", "within_unit", "norm_z"]
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
