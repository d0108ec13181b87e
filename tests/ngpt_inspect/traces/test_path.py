"""The path table: known answers on great circles, and what it says of a trace."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import trace_files
from trace_files import NEXT, SUGGESTED, TURNS, described, tensors, write, write_gpt

import ngpt_inspect as ni
from ngpt_inspect.tables.export import to_json
from ngpt_inspect.traces import COLUMNS, read_trace
from ngpt_inspect.traces import _geometry as geometry

DOCUMENT = Path(__file__).parents[3] / "docs" / "traces.md"
STATES = len(TURNS)


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "trace.safetensors")


def states_of(table, token):
    return table[(table["row"] == "state") & (table["token"] == token)]


def test_angles_are_those_of_the_great_circles(file):
    table = ni.path(file)
    turns = np.array(TURNS)
    moved = np.diff(turns)
    suggested = np.array(SUGGESTED) - turns[:-1]
    for token in range(3):
        rows = states_of(table, token)
        exact = {
            "norm": np.ones(STATES),
            "angle_moved": [np.nan, *moved],
            "angle_to_suggestion": [np.nan, *suggested],
            "share_of_way": [np.nan, *(moved / suggested)],
            "angle_to_final": turns[-1] - turns,
            "angle_to_next": NEXT - turns if token < 2 else np.full(STATES, np.nan),
            "alignment": 2 - 2 * np.cos(np.radians(NEXT - turns)) + 0 * (token < 2 or np.nan),
            "x_final": turns - turns[-1],
            "y_final": np.zeros(STATES),
            "x_next": turns - NEXT if token < 2 else np.full(STATES, np.nan),
        }
        for name, values in exact.items():
            np.testing.assert_allclose(rows[name], values, atol=2e-5, err_msg=name)
        assert (rows["stress_final"] < 1e-6).all()


def test_every_row_says_where_it_is_and_what_is_predicted(file):
    table = ni.path(file)
    rows = states_of(table, 1)
    assert rows["state"].tolist() == [0, 1, 2, 3, 4]
    assert rows["depth"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert rows["layer"].fillna(-1).tolist() == [-1, 0, 0, 1, 1]
    assert rows["block"].tolist() == ["embedding", "attention", "mlp", "attention", "mlp"]
    assert set(rows["text"]) == {"␣way"}
    assert set(rows["token_id"]) == {4}
    assert (set(rows["next_id"]), set(rows["next_text"])) == ({5}, {"␣on"})
    values = tensors()
    ids = values["top_ids"][:, 1, 0].tolist()
    assert rows["top_id"].tolist() == ids
    assert rows["top_text"].tolist() == ["<4>" if i == 4 else f"word{i}" for i in ids]
    np.testing.assert_allclose(rows["top_probability"], values["top_probabilities"][:, 1, 0])
    np.testing.assert_allclose(rows["next_probability"], values["next_probabilities"][:, 1])
    last = states_of(table, 2)
    assert last["next_id"].isna().all()
    assert last["next_probability"].isna().all()


def test_next_rows_place_the_output_embedding(file):
    table = ni.path(file)
    rows = table[table["row"] == "next"]
    assert rows["token"].tolist() == [0, 1]
    np.testing.assert_allclose(rows["angle_to_final"], NEXT - TURNS[-1], atol=2e-5)
    np.testing.assert_allclose(rows["x_final"], NEXT - TURNS[-1], atol=2e-5)
    np.testing.assert_allclose(rows["x_next"], 0, atol=2e-5)
    assert rows["state"].isna().all()


def test_means_are_over_the_tokens_where_there_is_something(tmp_path):
    values = tensors()
    values["states"][2, 0, 5] = 0.7
    values["next_probabilities"][0, 1] = 0.9
    table = ni.path(write(tmp_path / "trace.safetensors", values))
    means = table[table["row"] == "mean"]
    assert means["token"].isna().all()
    for name in ("angle_moved", "angle_to_final", "angle_to_next", "next_probability", "norm"):
        grouped = table[table["row"] == "state"].groupby("state")[name]
        np.testing.assert_allclose(means[name], grouped.mean(), err_msg=name)
    assert means["next_probability"].iloc[0] == pytest.approx((0.1 + 0.9) / 2)


def test_a_gpt_has_the_same_angles_and_a_remark(tmp_path, file):
    gpt = write_gpt(tmp_path / "gpt.safetensors")
    table = ni.path([gpt, file])
    assert table["checkpoint"].unique().tolist() == ["gpt", "ngpt"]
    one, other = (table[table["family"] == family] for family in ("GPT", "nGPT"))
    for name in ("angle_moved", "angle_to_suggestion", "angle_to_next", "x_next", "y_next"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-4, err_msg=name)
    np.testing.assert_allclose(states_of(one, 0)["norm"], np.linspace(1, 3, 5), rtol=1e-6)
    assert table.attrs["remarks"] == [
        "gpt: a GPT's hidden states are normalised for the angles; their norms are 1 to 3."
    ]


def test_an_ngpt_off_the_sphere_is_remarked(tmp_path):
    values = tensors()
    values["states"] *= 1.01
    (remark,) = ni.path(write(tmp_path / "t.safetensors", values)).attrs["remarks"]
    assert "norm 1, these 1.01 to 1.01" in remark


def test_a_state_that_is_zero_has_no_angles(tmp_path):
    values = tensors()
    values["states"][3, 1] = 0
    table = ni.path(write(tmp_path / "t.safetensors", values))
    rows = states_of(table, 1)
    assert rows["angle_moved"].isna().tolist() == [True, False, False, True, True]
    assert rows["x_final"].isna().tolist() == [False, False, False, True, False]
    assert states_of(table, 0)["angle_moved"].notna().sum() == 4
    assert any("is zero" in remark for remark in table.attrs["remarks"])


def test_a_token_that_follows_the_prompt_is_taken(tmp_path):
    table = ni.path(write(tmp_path / "t.safetensors", tensors(n_known=3)))
    assert set(states_of(table, 2)["next_text"]) == {"␣x"}
    assert states_of(table, 2)["angle_to_next"].notna().all()
    assert (table["row"] == "next").sum() == 3


def test_a_single_token(tmp_path):
    table = ni.path(write(tmp_path / "t.safetensors", tensors(1)))
    assert len(table) == 2 * STATES
    assert table["angle_to_next"].isna().all()
    assert states_of(table, 0)["x_final"].notna().all()


def test_pieces_give_what_the_whole_gives(file, monkeypatch):
    whole = ni.path(file)
    monkeypatch.setattr(geometry, "PIECE", 1)
    assert ni.path(file).equals(whole)


def test_traces_of_one_checkpoint_are_told_apart(tmp_path):
    one, two = write(tmp_path / "a.safetensors"), write(tmp_path / "b.safetensors")
    later = write(tmp_path / "c.safetensors", about=described(step=8))
    assert ni.path([one, two, later])["checkpoint"].unique().tolist() == [
        *("ngpt (a)", "ngpt (b)", "ngpt")
    ]
    assert ni.path([one, one])["checkpoint"].unique().tolist() == ["ngpt (a) #1", "ngpt (a) #2"]
    assert ni.path([one, later])["checkpoint"].unique().tolist() == ["ngpt"]


def test_columns_are_the_declared_and_documented_ones(file):
    table, empty = ni.path(file), ni.path([])
    for each in (table, empty):
        assert list(each.columns) == list(COLUMNS)
        for name, (dtype, _) in COLUMNS.items():
            assert each[name].dtype == dtype
    text = DOCUMENT.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)[-len(COLUMNS) :] == [
        (name, meaning) for name, (_, meaning) in COLUMNS.items()
    ]
    for name in trace_files.tensors():
        assert f"| `{name}` |" in text
    for name in trace_files.described():
        assert f"| `{name}` |" in text


def test_provenance_and_strict_json(file):
    table = ni.path(read_trace(file))
    (source,) = table.attrs["checkpoints"]
    assert source["source"] == str(file)
    assert len(source["fingerprint"]) == 64
    assert (source["tokens"], source["writer"]) == (3, "a test")
    json.dumps(table.attrs, allow_nan=False)
    rows = json.loads(to_json(table))
    assert rows[0]["angle_moved"] is None
    assert rows[1]["angle_moved"] == pytest.approx(10, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(tmp_path, dtype):
    values = {
        name: x.to(dtype) if x.is_floating_point() else x.int() for name, x in tensors().items()
    }
    table = ni.path(write(tmp_path / "t.safetensors", values))
    tolerance = 0.5 if dtype is torch.bfloat16 else 0.1
    np.testing.assert_allclose(
        states_of(table, 0)["angle_to_final"], TURNS[-1] - np.array(TURNS), atol=tolerance
    )


def test_heads_have_rows_of_their_own(tmp_path):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 3, 3, generator=generator).double()
    weights = logits.masked_fill(torch.ones(3, 3).triu(1).bool(), -torch.inf).softmax(-1)
    entropy = np.array([[[-sum(w * np.log(w) for w in q if w > 0) for q in h] for h in layer]
                        for layer in weights.tolist()])  # fmt: skip
    given = {"attention_entropy": torch.tensor(entropy), "attention_to_first": weights[..., 0]}
    about = described(format_version=2, parallel=True)
    table = ni.path(write(tmp_path / "t.safetensors", tensors() | given, about))
    rows = table[table["row"] == "head"]
    assert rows["layer"].tolist() == [0] * 4 + [1] * 4
    assert rows["head"].tolist() == [0, 1, 2, 3] * 2
    np.testing.assert_allclose(rows["attention_entropy"], entropy[..., 1:].mean(-1).ravel())
    sinks = weights[..., 1:, 0].mean(-1).ravel()
    np.testing.assert_allclose(rows["attention_to_first"], sinks)
    assert rows[["token", "state", "norm"]].isna().all(axis=None)
    assert any("both blocks" in remark for remark in table.attrs["remarks"])
    assert "head" not in set(ni.path(write(tmp_path / "none.safetensors"))["row"])


def test_massive_channels_stand_out(tmp_path):
    values = tensors()
    state = np.random.default_rng(0).normal(size=8)
    state[5] = -100
    values["states"][2, 1] = torch.tensor(state)
    table = ni.path(write(tmp_path / "t.safetensors", values))
    row = states_of(table, 1).iloc[2]
    stored = state.astype(np.float32).astype(float)
    assert row["largest_channel"] == 5
    assert row["largest_over_median"] == pytest.approx(100 / np.median(np.abs(stored)))
    centred = stored - stored.mean()
    expected = (centred**4).mean() / (centred**2).mean() ** 2
    assert row["kurtosis"] == pytest.approx(expected)
    assert np.isnan(states_of(table, 0).iloc[0]["largest_over_median"])  # most coordinates are zero
