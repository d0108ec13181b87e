"""``ngpt-inspect path``: what is read on a screen, what goes into files, and mistakes."""

import io
import json

import pandas as pd
import pytest
from trace_files import write, write_gpt

import ngpt_inspect as ni


@pytest.fixture
def pair(tmp_path):
    return [write_gpt(tmp_path / "gpt.safetensors"), write(tmp_path / "ngpt.safetensors")]


def rows(text):
    return [line.split() for line in text.splitlines() if line.strip()]


def test_means_to_read(cli, pair):
    result = cli("path", *pair)
    assert result.exit_code == 0
    assert "gpt at step 7 (GPT): mean of 3 tokens" in result.stdout
    assert "ngpt at step 7 (nGPT): mean of 3 tokens" in result.stdout
    assert ["1", "mlp", "33", "63", "0.5238", "0", "15", "0.2"] in rows(result.stdout)
    assert "normalised" in result.stderr
    assert not cli("path", *pair, "--quiet").stderr


def test_one_token_to_read(cli, pair):
    text = cli("path", pair[1], "--token", 1).stdout
    assert "token 1, ␣way, then ␣on" in text
    assert "word" in text
    assert "token 2, ␣on\n" in cli("path", pair[1], "--token", 2).stdout


def test_one_quantity_to_read(cli, pair):
    found = rows(cli("path", pair[1], "--quantity", "angle-to-next").stdout)
    assert ["0", "The", "75", "65", "50", "48", "15"] in found
    assert ["mean", "75", "65", "50", "48", "15"] in found
    found = rows(cli("path", pair[1], "--quantity", "top_text").stdout)
    assert ["0", "The", "word0", "word9", "word7", "word5", "word3"] in found
    assert not any(line[0] == "mean" for line in found)


def test_the_whole_table_in_every_format(cli, pair, tmp_path):
    wanted = ni.path(pair)
    back = pd.read_csv(io.StringIO(cli("path", *pair, "--format", "csv").stdout))
    assert list(back.columns) == list(wanted.columns)
    assert len(back) == len(wanted)
    assert back["angle_moved"].tolist() == pytest.approx(wanted["angle_moved"], nan_ok=True)
    lines = json.loads(cli("path", *pair, "--format", "json").stdout)
    assert [line["text"] for line in lines] == wanted["text"].tolist()
    assert cli("path", *pair, "-o", tmp_path / "t.parquet").exit_code == 0
    kept = pd.read_parquet(tmp_path / "t.parquet")
    assert kept.attrs == wanted.attrs


def test_a_figure_beside_the_table(cli, pair, tmp_path):
    result = cli("path", *pair, "--token", 1, "--figure", tmp_path / "f.json")
    assert result.exit_code == 0
    drawn = json.loads((tmp_path / "f.json").read_text())
    notes = drawn["layout"]["meta"]["notes"]
    assert any("token 1 is “␣way”" in note for note in notes)


def test_figures_takes_traces(cli, pair, tmp_path):
    names = "path_angles,path_projection"
    result = cli(
        *("figures", *pair, "-o", tmp_path / "out", "--names", names, "--formats", "json"),
        *("--set", "centre=next", "--set", "token=1"),
    )
    assert result.exit_code == 0
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        *("path_angles.csv", "path_angles.json", "path_projection.csv", "path_projection.json")
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--token", "3"], "--token: no token 3; there are 0 to 2"),
        (["--token", "-1"], "--token: no token -1; there are 0 to 2"),
        (["--quantity", "x_final"], "--quantity: no quantity 'x_final'; there are angle_moved"),
        (["--figure", "x.gif"], "no figure format .gif"),
        (["--format", "xml"], "no format 'xml'"),
    ],
)
def test_mistakes_are_one_line(cli, pair, words, message):
    result = cli("path", pair[1], *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_is_no_trace(cli, layouts, tmp_path):
    result = cli("path", layouts["reference_ngpt"])
    assert result.exit_code == 2
    assert "is no trace" in result.stderr
    assert cli("path", tmp_path / "missing.safetensors").exit_code == 2
