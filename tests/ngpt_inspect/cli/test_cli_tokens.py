"""The command `tokens`, and texts in printed tables of pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from models import tiny_ngpt, write_reference

import ngpt_inspect as ni


@pytest.fixture
def ngpt(tmp_path: Path) -> Path:
    vocab = {f"Ġw{number}": number for number in range(29)}
    tokenizer = {"model": {"vocab": vocab}, "decoder": {"type": "ByteLevel"}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    return write_reference(tiny_ngpt(), tmp_path / "ngpt.safetensors")


def test_tokens_are_printed_in_an_order(ngpt: Path, cli) -> None:
    result = cli("tokens", ngpt, "--rows", 4, "--order", "nearest", "--roles", "E_input")
    assert result.exit_code == 0, result.stderr
    heading, columns, _, *lines = result.stdout.rstrip().splitlines()
    assert heading == "ngpt at step 7: E_input, 4 of 30 tokens"
    assert columns.split()[:2] == ["token", "text"]
    table = ni.token_table(ngpt, roles=["E_input"])
    best = table.sort_values("nearest_cosine", ascending=False, kind="stable").head(4)
    assert [line.split()[0] for line in lines] == [str(token) for token in best["token"]]
    assert all(line.split()[1].startswith("␣w") for line in lines)
    assert "nan" not in result.stdout
    assert "--unused 29-29" in result.stderr


def test_search_and_files(ngpt: Path, cli, tmp_path: Path) -> None:
    result = cli("tokens", ngpt, "--search", " w1", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.count("␣w1") >= 2 * 11  # w1, w10 to w19, of both embeddings
    out = tmp_path / "tokens.parquet"
    assert cli("tokens", ngpt, "-o", out, "--order", "token").exit_code == 0
    whole = pd.read_parquet(out)
    assert len(whole) == 60
    rows = json.loads(cli("tokens", ngpt, "--format", "json", "--unused", "29").stdout)
    assert len(rows) == 60
    padding = next(row for row in rows if row["token"] == 29 and row["role"] == "E_output")
    assert padding["unused_cosine"] == pytest.approx(1)
    assert padding["notes"].endswith("not in the tokenizer")


def test_neighbours_are_printed_with_texts_where_known(ngpt: Path, cli) -> None:
    result = cli("neighbours", ngpt, "--token", 3, "--count", 2, "--roles", "E_input")
    table = ni.measure(ngpt, "neighbours", token="3", count=2, roles=["E_input"])
    lines = result.stdout.rstrip().splitlines()[3:]
    assert [line.split()[:5] for line in lines] == [
        ["E_input", "3", "␣w3", str(partner), f"␣w{partner}" if partner < 29 else "1"]
        for partner in table["partner"][:2]
    ]
    (ngpt.parent / "tokenizer.json").write_text("{")
    bare = cli("neighbours", ngpt, "--token", 3, "--count", 2, "--roles", "E_input")
    assert bare.exit_code == 0
    assert "text" not in bare.stdout


def test_a_token_that_is_not_there_is_one_line(ngpt: Path, cli) -> None:
    result = cli("neighbours", ngpt, "--token", 300, "--quiet")
    assert result.exit_code == 2
    assert "token is 300" in result.stderr
    assert "Traceback" not in result.stderr


def test_neighbours_of_a_text(ngpt: Path, cli) -> None:
    """Ids 3 and 4 of the vocabulary are ` w3` and ` w4`; `w` alone is no token."""
    command = ("neighbours", ngpt, "--format", "json", "--count", "3")
    assert cli(*command, "--token", "w3, w4,7").stdout == cli(*command, "--token", "3,4,7").stdout
    table = ni.measure(ngpt, "neighbours", token=" w3")
    assert set(table["index"]) == {3}
    assert table.attrs["settings"]["token"] == " w3"
    refused = cli(*command, "--token", "w")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        "ngpt-inspect: ngpt: no token 'w' (no token is just that); "
        "give ids: 262 or 5,7-9; `ngpt-inspect tokens --search` finds them\n"
    )


def test_a_text_is_another_id_in_another_vocabulary(ngpt: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    tokenizer = {"model": {"vocab": {"w3": 8, "Ġw3": 9}}, "decoder": {"type": "ByteLevel"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    other = write_reference(tiny_ngpt(), folder / "other.safetensors")
    table = ni.measure([ngpt, other], "neighbours", token="w3", roles="E_input")
    found = table.groupby("checkpoint")["index"].unique()
    assert {label: set(ids) for label, ids in found.items()} == {"ngpt": {3}, "other": {8, 9}}
