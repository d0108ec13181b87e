"""Summary rows against an independent recomputation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import Tensors, series_of, tiny_gpt, tiny_ngpt, write_reference
from tolerances import rounding, singular

import ngpt_inspect as ni
from ngpt_inspect.tables import parts
from ngpt_inspect.vocabulary import COLUMNS, Status


def summarised(table: pd.DataFrame) -> pd.DataFrame:
    """Return only the rows that summarise appended, checking that the others stay."""
    whole = ni.summarise(table)
    pd.testing.assert_frame_equal(whole.iloc[: len(table)], table, check_exact=True)
    assert whole.attrs == table.attrs
    assert tuple(whole.columns) == COLUMNS
    return whole.iloc[len(table) :]


def one(rows: pd.DataFrame, measure: str, role: str, layer: int | None) -> pd.DataFrame:
    keep = (series_of(rows) == measure) & (rows["role"] == role)
    return rows[keep & (rows["layer"].isna() if layer is None else rows["layer"] == layer)]


def value(rows: pd.DataFrame, measure: str, role: str, layer: int | None = None) -> float:
    return float(one(rows, measure, role, layer)["value"].item())


def test_heads_for_attention_and_the_whole_for_the_mlp(tmp_path: Path) -> None:
    """Kappas of layer 1 are 12, 13, 14, 15 by construction; the whole W_q's 15 is no fifth."""
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors", dtype=torch.float64)
    rows = summarised(ni.measure(path, "condition_numbers"))
    expected = {"median": 13.5, "low": 12.75, "high": 14.25, "min": 12, "max": 15}
    for suffix, kappa in expected.items():
        found = value(rows, f"{suffix} condition_number", "W_k", 1)
        assert found == pytest.approx(kappa, rel=singular(4, kappa))
        mlp = value(rows, f"{suffix} condition_number", "W_oMLP", 1)
        assert mlp == pytest.approx(251, rel=singular(16, 251))
    assert rows["head"].isna().all()
    assert (rows["status"] == Status.OK).all()


def test_over_all_layers_heads_are_taken_together(tmp_path: Path) -> None:
    """Not the median of the layers' medians: 8 heads of W_k, one kappa each."""
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors", dtype=torch.float64)
    table = ni.measure(path, ["condition_numbers", "vector_norms"])
    rows = summarised(table)
    for role in ("W_k", "W_oMLP"):
        kappas = table[(table["measure"] == "condition_number") & (table["role"] == role)]
        heads = kappas[kappas["head"].notna() == (role == "W_k")]["value"]
        levels = {"min": 0, "low": 0.25, "median": 0.5, "high": 0.75, "max": 1}
        for suffix, level in levels.items():
            found = value(rows, f"{suffix} condition_number", role)
            assert found == pytest.approx(np.quantile(heads, level))
        norms = table[(table["measure"] == "row_norm") & (table["role"] == role)]["value"]
        assert value(rows, "mean row_norm", role) == pytest.approx(norms.mean())
        assert value(rows, "std row_norm", role) == pytest.approx(np.std(norms))


def test_infinite_heads_count_as_what_they_are(tmp_path: Path) -> None:
    """Kappas 2, 3, inf, inf: the median lies between 3 and infinity, the minimum is finite."""
    query = tiny_gpt().arrays["W_q", 0].copy()
    query[8:] = 1.0  # heads 2 and 3 are of rank one
    path = write_reference(tiny_gpt().changed(W_q_0=query), tmp_path / "x.safetensors")
    rows = summarised(ni.measure(path, "condition_numbers", roles=["W_q"], layers=[0]))
    found = {name: value(rows, f"{name} condition_number", "W_q", 0) for name in ("min", "low")}
    stored = rounding(4, 3, torch.float32)
    assert found["min"] == pytest.approx(2, rel=stored)
    assert found["low"] == pytest.approx(2.75, rel=stored)
    for name in ("median", "high", "max"):
        assert value(rows, f"{name} condition_number", "W_q", 0) == math.inf
    assert set(rows["reason"]) == {"2 of 4 rank_deficient"}
    assert set(rows["status"]) == {Status.OK}
    query[:8] = 1.0
    path = write_reference(tiny_gpt().changed(W_q_0=query), tmp_path / "z.safetensors")
    rows = summarised(ni.measure(path, "condition_numbers", roles=["W_q"], layers=[0]))
    assert set(rows["status"]) == {Status.RANK_DEFICIENT}, "nothing in it is ok"
    assert rows["value"].tolist() == [math.inf] * 10, "of the layer, and over all layers"


@pytest.mark.parametrize(
    ("measure", "quantity", "role", "layer"),
    [
        ("embedding_norms", "embedding_norm", "E_input", None),
        ("eigen_learning_rates", "eigen_learning_rate", "alpha_M", 1),
        ("scaling_factors", "scaling_factor", "s_qk", 0),
        ("scaling_factors", "scaling_factor", "s_z", None),
        ("vector_norms", "column_norm", "W_u", 1),
    ],
)
def test_means_and_rank_curves(
    measure: str, quantity: str, role: str, layer: int | None, layouts: dict[str, Path]
) -> None:
    table = ni.measure(layouts["reference_ngpt"], measure)
    values = np.sort(one(table, quantity, role, layer)["value"].to_numpy())
    rows = summarised(table)
    spread = np.abs(values).max() / abs(values.mean())
    assert value(rows, f"mean {quantity}", role, layer) == pytest.approx(
        values.sum() / len(values), rel=rounding(len(values), spread)
    )
    spread = math.sqrt(((values - values.mean()) ** 2).sum() / len(values))
    slack = rounding(len(values)) * np.abs(values).max()  # of values that are all the same
    assert value(rows, f"std {quantity}", role, layer) == pytest.approx(
        spread, rel=rounding(len(values)), abs=slack
    )
    curve = one(rows, f"quantile {quantity}", role, layer)
    assert curve["index"].tolist() == list(range(1001))
    # Per mille p lies p/1000 of the way along the sorted values, straight lines between them.
    expected = np.interp(np.linspace(0, len(values) - 1, 1001), np.arange(len(values)), values)
    np.testing.assert_allclose(curve["value"], expected, rtol=rounding(), atol=slack)


def test_extremes_of_embedding_norms(layouts: dict[str, Path]) -> None:
    table = ni.measure(layouts["reference_gpt"], "embedding_norms")
    rows = summarised(table)
    values = sorted(one(table, "embedding_norm", "E_output", None)["value"])
    assert value(rows, "min embedding_norm", "E_output") == values[0]
    assert value(rows, "max embedding_norm", "E_output") == values[-1]
    median = (values[14] + values[15]) / 2
    assert value(rows, "median embedding_norm", "E_output") == pytest.approx(median, rel=rounding())


def test_singular_values_are_pooled_over_heads(layouts: dict[str, Path]) -> None:
    table = ni.measure(layouts["llama"], "singular_values", roles=["W_q", "W_u"], layers=[0])
    rows = summarised(table)
    for role, heads in (("W_q", True), ("W_u", False)):
        values = one(table, "singular_value", role, 0)
        values = values[values["head"].notna() == heads]["value"].to_numpy()
        curve = one(rows, "quantile singular_value", role, 0)["value"].to_numpy()
        assert (curve[0], curve[-1]) == (values.min(), values.max())
        np.testing.assert_allclose(curve[500], np.median(values), rtol=rounding())


def test_skipped_values_are_left_out_and_said(tmp_path: Path) -> None:
    """Unknown heads: the whole matrix stands in, and the summary says that heads are missing."""
    from models import write_gpt2

    folder = write_gpt2(tiny_gpt(), tmp_path / "bare", config=False)
    table = ni.measure(folder, "condition_numbers", roles=["W_q"], layers=[0])
    rows = summarised(table)
    assert set(rows["reason"]) == {"1 skipped"}
    assert rows["value"].tolist() == pytest.approx([5.0] * 10, rel=rounding(16, 5, torch.float32))


def test_a_tensor_that_could_not_be_measured_has_no_summary(tmp_path: Path) -> None:
    def spoil(tensors: Tensors) -> None:
        tensors["layers.0.alpha_A"] = torch.full((16,), math.nan)

    table = ni.measure(
        write_reference(tiny_ngpt(), tmp_path / "x.safetensors", change=spoil),
        "eigen_learning_rates",
    )
    rows = summarised(table)
    assert len(one(rows, "mean eigen_learning_rate", "alpha_A", 0)) == 0
    assert len(one(rows, "mean eigen_learning_rate", "alpha_A", 1)) == 1


def test_checkpoints_and_steps_are_not_mixed(tmp_path: Path) -> None:
    for step in (1, 2):
        path = tmp_path / f"gpt/step-{step:06d}.safetensors"
        write_reference(tiny_gpt(seed=step), path, step=step)
    files = sorted((tmp_path / "gpt").iterdir())
    both = summarised(ni.measure(files, "embedding_norms"))
    for step, file in enumerate(files, 1):
        alone = summarised(ni.measure(file, "embedding_norms"))
        mine = both[both["step"] == step]
        assert mine["value"].tolist() == alone["value"].tolist()


def test_parts_are_heads_or_else_the_whole(layouts: dict[str, Path]) -> None:
    table = ni.measure(layouts["llama"], "condition_numbers")
    kept = parts(table[table["measure"] == "condition_number"])
    heads = kept.groupby("role")["head"].apply(lambda column: column.notna().all())
    assert heads.to_dict() == {
        **dict.fromkeys(("W_q", "W_k", "W_v", "W_o"), True),
        **dict.fromkeys(("W_u", "W_nu", "W_oMLP"), False),
    }
    assert len(kept) == 2 * (4 + 2 + 2 + 4 + 3)
