"""Condition numbers and singular values against spectra that were built in."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from measures_helpers import rows_of
from models import (
    ATTENTION,
    MLP,
    condition,
    head_spectrum,
    mlp_spectrum,
    tiny_gpt,
    write_nvidia,
    write_reference,
)
from tolerances import rounding, singular

import ngpt_inspect as ni
from ngpt_inspect.tables.export import to_json
from ngpt_inspect.vocabulary import Status


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GPT of known spectra, stored in float64."""
    path = tmp_path_factory.mktemp("exact") / "gpt.safetensors"
    return write_reference(tiny_gpt(), path, dtype=torch.float64)


def value(table: pd.DataFrame, **where: object) -> float:
    return float(rows_of(table, **where)["value"].item())


@pytest.mark.parametrize("role", ATTENTION)
def test_condition_numbers_by_head(role: str, exact: Path) -> None:
    table = ni.measure(exact, "condition_numbers", roles=[role])
    for layer in (0, 1):
        for head in range(4):
            kappa = 2 + head + 10 * layer
            found = value(table, layer=layer, head=head, measure="condition_number")
            assert found == pytest.approx(kappa, rel=singular(4, kappa))
            smallest = value(table, layer=layer, head=head, measure="sigma_min")
            assert smallest == pytest.approx(1 / kappa, rel=singular(4, kappa))
            largest = value(table, layer=layer, head=head, measure="sigma_max")
            assert largest == pytest.approx(1, rel=singular(4))
        # The heads' subspaces are orthogonal: the whole has the smallest sigma of head 3.
        whole = value(table, layer=layer, head=None, measure="condition_number")
        assert whole == pytest.approx(5 + 10 * layer, rel=singular(16, 15))
    assert (table["status"] == Status.OK).all()
    assert (table["reason"] == "").all()


def ranks(s_n: np.ndarray) -> dict[str, float]:
    p = s_n / s_n.sum()
    return {
        "stable_rank": (s_n**2).sum() / s_n.max() ** 2,
        "participation_ratio": (s_n**2).sum() ** 2 / (s_n**4).sum(),
        "effective_rank": math.exp(-(p * np.log(p)).sum()),
    }


def test_singular_values_and_ranks(exact: Path) -> None:
    table = ni.measure(exact, "singular_values")
    expected: dict[tuple[str, int, int | None], np.ndarray] = {}
    for layer in (0, 1):
        by_head = [head_spectrum(head, layer, 4) for head in range(4)]
        for role in ATTENTION:
            expected |= {(role, layer, head): s_k for head, s_k in enumerate(by_head)}
            expected[role, layer, None] = np.sort(np.concatenate(by_head))[::-1]
        expected |= {(role, layer, None): mlp_spectrum(role, layer, 16) for role in MLP}
    assert len(expected) == 2 * (4 * 5 + 3)
    for (role, layer, head), s_n in expected.items():
        rows = rows_of(table, role=role, layer=layer, head=head)
        spectrum = rows_of(rows, measure="singular_value")
        assert spectrum["index"].tolist() == list(range(len(s_n)))
        np.testing.assert_allclose(spectrum["value"], s_n, rtol=singular(16, s_n[0] / s_n[-1]))
        by_name = rows_of(rows, index=None).set_index("measure")["value"]
        wanted = ranks(s_n)
        found = by_name[list(wanted)].to_dict()
        assert found == pytest.approx(wanted, rel=singular(16, s_n[0] / s_n[-1]))


def test_rank_one_is_infinite_and_null_in_json(tmp_path: Path) -> None:
    one = np.outer(np.arange(1.0, 17), np.arange(1.0, 17))  # exact in float32
    path = write_reference(tiny_gpt().changed(W_q_0=one), tmp_path / "flat.safetensors")
    table = ni.measure(path, "condition_numbers", roles=["W_q"], layers=[0])
    found = rows_of(table, measure="condition_number")
    assert found["value"].tolist() == [math.inf] * 5
    assert set(found["status"]) == {Status.RANK_DEFICIENT}
    assert found["reason"].str.contains("zero to float64 rounding").all()
    rows = [row for row in json.loads(to_json(table)) if row["measure"] == "condition_number"]
    assert [(row["value"], row["status"]) for row in rows] == [(None, "rank_deficient")] * 5
    spectra = ni.measure(path, "singular_values", roles=["W_q"], layers=[0])
    for name in ("stable_rank", "participation_ratio", "effective_rank"):
        values = spectra.loc[spectra["measure"] == name, "value"]
        assert values.tolist() == pytest.approx([1.0] * 5, rel=16 * rounding(16) ** 0.5), name


def test_a_matrix_of_zeros_gives_no_ok_without_a_number(tmp_path: Path) -> None:
    path = write_reference(tiny_gpt().changed(W_u_0=np.zeros((24, 16))), tmp_path / "z.safetensors")
    for name in ("condition_numbers", "singular_values", "vector_norms", "unit_norm"):
        table = ni.measure(path, name, roles=["W_u"], layers=[0])
        nothing = table[table["value"].isna()]
        assert (nothing["status"] == Status.SKIPPED).all(), name
        assert (nothing["reason"] != "").all()


def test_bfloat16_comes_with_a_caution(tmp_path: Path) -> None:
    """A kappa of 250 is measured on stored values, and the row says how far rounding moves it."""
    path = write_nvidia(tiny_gpt(), tmp_path / "ckpt.pt")
    table = ni.measure(path, "condition_numbers", layers=[0])
    (row,) = rows_of(table, role="W_oMLP", measure="condition_number").itertuples()
    stored = tiny_gpt().rounded(torch.bfloat16).arrays["W_oMLP", 0]
    assert row.value == pytest.approx(condition(stored), rel=singular(16, 250))
    assert row.reason.startswith("rounding to BF16 can have moved sigma_min ")
    bound = float(row.reason.rpartition(" by up to ")[2])
    moved = abs(1 / row.value - 1 / 250) * 3.0  # sigma_max is 3
    assert 0.01 * moved < moved < bound < value(table, role="W_oMLP", measure="sigma_resolution")
    precise = ni.measure(
        write_reference(tiny_gpt(), tmp_path / "f32.safetensors"), "condition_numbers", layers=[0]
    )
    assert (precise["reason"] == "").all()


def test_what_bfloat16_cannot_resolve_is_marked(tmp_path: Path) -> None:
    u, s, vt = np.linalg.svd(np.random.default_rng(0).standard_normal((24, 16)))
    s[-1] = s[0] * 1e-7
    model = tiny_gpt().changed(W_u_0=u[:, :16] * s @ vt)
    path = write_nvidia(model, tmp_path / "ckpt.pt")
    table = ni.measure(path, "condition_numbers", roles=["W_u"], layers=[0])
    (row,) = rows_of(table, measure="condition_number").itertuples()
    assert row.status == Status.BELOW_RESOLUTION
    assert "rounding to BF16 makes up to" in row.reason
    assert math.isfinite(row.value)


def test_singular_values_that_are_zero_to_rounding_are_no_numbers(tmp_path: Path) -> None:
    w_q = np.outer(np.arange(1.0, 17), np.ones(16)) + np.diag([1.0, *[0.0] * 15])
    path = write_reference(
        tiny_gpt().changed(W_q_0=w_q), tmp_path / "x.safetensors", dtype=torch.float64
    )
    table = ni.measure(path, "singular_values", roles=["W_q"], layers=[0])
    rows = rows_of(table, measure="singular_value", head=None)
    known = rows_of(rows, status=Status.OK)
    expected = np.linalg.svd(w_q, compute_uv=False)[:2]
    np.testing.assert_allclose(known["value"], expected, rtol=1e-12)
    rest = rows_of(rows, status=Status.SKIPPED)
    assert rest["index"].tolist() == list(range(2, 16))
    assert rest["value"].isna().all()
    assert set(rest["reason"]) == {"zero to float64 rounding: rank 2"}
