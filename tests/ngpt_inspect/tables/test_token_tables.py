"""One row a token: the single measures side by side, with texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from models import tiny_gpt, tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.tables.token_views import counted, ordered, pair_table, same_token, searched
from ngpt_inspect.tables.tokens import TOKEN_COLUMNS, joined_tokens, texts_of, token_table
from ngpt_inspect.tokens import TokenTexts


def write_texts(folder: Path, count: int = 28) -> None:
    """Write a tokenizer of fewer tokens than there are rows."""
    vocab = {f"Ġ{number}x" if number % 2 else f"{number}x": number for number in range(count)}
    tokenizer = {"model": {"vocab": vocab}, "decoder": {"type": "ByteLevel"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    """Return a GPT with a tokenizer of 28 tokens beside it, and an nGPT without any."""
    for name in ("a", "b/c/d"):
        (tmp_path / name).mkdir(parents=True)
    write_texts(tmp_path / "a")
    return [
        write_reference(tiny_gpt(), tmp_path / "a" / "gpt.safetensors"),
        write_reference(tiny_ngpt(), tmp_path / "b" / "c" / "d" / "ngpt.safetensors"),
    ]


def of(table: pd.DataFrame, label: str, role: str) -> pd.DataFrame:
    return table[(table["checkpoint"] == label) & (table["role"] == role)]


def test_columns_are_those_of_the_measures(pair: list[Path]) -> None:
    tokens = ni.token_table(pair, duplicate=0.5)
    assert tuple(tokens.columns) == TOKEN_COLUMNS
    assert len(tokens) == 4 * 30
    names = ["embedding_norms", "nearest_tokens", "token_health"]
    tidy = ni.measure(pair, names, duplicate=0.5)
    scales = ni.measure(pair[1], "scaling_factors", roles=["s_z"])["value"].tolist()
    label = {"gpt": tokens["checkpoint"].iloc[0], "ngpt": tokens["checkpoint"].iloc[-1]}
    for family, role in (("gpt", "E_input"), ("gpt", "E_output"), ("ngpt", "E_output")):
        mine = of(tokens, label[family], role)
        assert mine["token"].tolist() == list(range(30))
        for quantity, name in (
            ("embedding_norm", "norm"),
            ("norm_z", "norm_z"),
            ("nearest_cosine", "nearest_cosine"),
            ("near_duplicates", "near_duplicates"),
            ("mean_cosine", "mean_cosine"),
            ("equal_rows", "equal_rows"),
        ):
            rows = of(tidy, label[family], role)
            expected = rows.loc[rows["measure"] == quantity, "value"].tolist()
            assert mine[name].tolist() == expected, name
        partner = rows.loc[rows["measure"] == "nearest_cosine", "partner"].tolist()
        assert mine["nearest_token"].tolist() == partner
        assert mine["unused_cosine"].isna().all()
        assert mine["s_z"].tolist() == scales if family == "ngpt" else mine["s_z"].isna().all()


def test_texts_and_notes(pair: list[Path]) -> None:
    tokens = ni.token_table(pair, duplicate=0.5, threshold=1.0)
    gpt = tokens.iloc[:30]
    assert gpt["text"].tolist() == [
        *(f"␣{n}x" if n % 2 else f"{n}x" for n in range(28)),
        *("", ""),
    ]
    for row in gpt.itertuples():
        assert row.nearest_text == (
            "" if row.nearest_token > 27 else gpt["text"][row.nearest_token]
        )
        expected = [
            *(["norm_z below -1"] if row.norm_z < -1 else []),
            *([f"{row.near_duplicates} near-duplicates"] if row.near_duplicates > 1 else []),
            *(["1 near-duplicate"] if row.near_duplicates == 1 else []),
            *(["not in the tokenizer"] if row.token > 27 else []),
        ]
        assert row.notes == "; ".join(expected)
    assert (tokens.iloc[60:]["text"] == "").all()
    remarks = " | ".join(tokens.attrs["remarks"])
    assert "rows 28 to 29 are not in the tokenizer; --unused 28-29" in remarks
    assert "no texts: no tokenizer.json beside ngpt.safetensors" in remarks


def test_a_larger_tokenizer_is_no_trouble(pair: list[Path]) -> None:
    write_texts(pair[0].parent, 500)
    tokens = ni.token_table(pair[0])
    assert len(tokens) == 60
    assert (tokens["text"] != "").all()
    assert tokens.attrs["remarks"] == []


def test_dead_rows_have_a_note_and_no_numbers(tmp_path: Path) -> None:
    def kill(tensors):
        tensors["E_input.weight"] = tensors["E_input.weight"].clone()
        tensors["E_input.weight"][[4, 8]] = 0

    path = write_reference(tiny_gpt(), tmp_path / "gpt.safetensors", change=kill)
    tokens = ni.token_table(path, roles=["E_input"])
    dead = tokens[tokens["token"].isin([4, 8])]
    assert dead["notes"].tolist() == ["norm zero; equals 1 other row"] * 2
    assert dead["norm"].tolist() == [0, 0]
    assert dead[["norm_z", "nearest_token", "nearest_cosine"]].isna().all(axis=None)


def test_what_was_not_measured_is_null(pair: list[Path]) -> None:
    norms = ni.measure(pair[0], "embedding_norms")
    tokens = joined_tokens([norms], {})
    assert tuple(tokens.columns) == TOKEN_COLUMNS
    assert tokens["norm"].tolist() == norms["value"].tolist()
    missing = tokens.drop(columns=["checkpoint", "step", "role", "token", "norm"])
    assert missing.replace("", None).isna().all(axis=None)
    assert len(joined_tokens([norms.iloc[:0]], {})) == 0


def test_steps_of_a_run_have_their_own_rows(tmp_path: Path) -> None:
    for step in (1, 2):
        path = tmp_path / f"step-00000{step}.safetensors"
        write_reference(tiny_ngpt(seed=step), path, step=step)
    tokens = token_table(sorted(tmp_path.iterdir()), roles=["E_output"])
    assert tokens["step"].tolist() == [1] * 30 + [2] * 30
    scales = tokens["s_z"].to_numpy().reshape(2, 30)
    assert np.isfinite(scales).all()
    assert not np.array_equal(scales[0], scales[1])


def test_pairs_have_both_texts(pair: list[Path]) -> None:
    models = [ni.open_checkpoint(path) for path in pair]
    table = ni.measure(models[0], "neighbours", token="3", count=4, roles=["E_input"])
    pairs = pair_table(table, texts_of(models))
    assert pairs["text"].tolist() == ["␣3x"] * 8
    known = texts_of(models)[models[0].label]
    assert pairs["partner_text"].tolist() == [known[int(n)] for n in pairs["partner"]]
    assert pairs["value"].tolist() == table["value"].tolist()
    extremes = ni.measure(models[1], "dot_products", roles=["E_input"])
    assert set(pair_table(extremes, {})["measure"]) == {
        f"{kind}_{end}" for kind in ("dot", "cosine") for end in ("largest", "smallest")
    }


def test_orders_and_search(pair: list[Path]) -> None:
    tokens = ni.token_table(pair[0], roles=["E_input"])
    texts = texts_of([ni.open_checkpoint(pair[0])])
    assert ordered(tokens, "shortest")["norm"].is_monotonic_increasing
    assert ordered(tokens, "nearest")["nearest_cosine"].is_monotonic_decreasing
    with pytest.raises(WrongOption, match="there are token, shortest"):
        ordered(tokens, "prettiest")
    assert searched(tokens, "7x", texts)["token"].tolist() == [7, 17, 27]
    assert searched(tokens, " 7x", texts)["token"].tolist() == [7]
    assert searched(tokens, "29", texts)["token"].tolist() == [29]
    assert searched(tokens, "nowhere", texts).empty


def test_counts(pair: list[Path]) -> None:
    table = ni.measure(pair, ["nearest_tokens", "token_health"], duplicate=0.5)
    counts = counted(table)
    assert counts["role"].tolist() == ["E_input", "E_output"] * 2
    one = counts.iloc[2]
    rows = table[(table["checkpoint"] == one["checkpoint"]) & (table["role"] == "E_input")]
    found = rows.set_index("measure")["value"]
    for name in ("near_duplicate_tokens", "near_duplicate_share", "low_norm_tokens"):
        assert one[name] == found[name]
    assert counted(table.iloc[:0]).empty


def test_the_same_token_elsewhere() -> None:
    here = TokenTexts(pieces={0: b"a", 1: b"b", 2: b"c"}, source="here")
    there = TokenTexts(pieces={0: b"b", 1: "a", 2: b"c", 3: b"a"}, source="there")
    assert [same_token(token, here, there) for token in (0, 1, 2, 5)] == [3, 0, 2, 5]
    assert same_token(3, here, there) is None  # padding here, a token there
    assert same_token(1, there, TokenTexts()) == 1
    assert same_token(1, TokenTexts(), there) == 1
    assert same_token(9, here, here) == 9
