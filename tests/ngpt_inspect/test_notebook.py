"""What a terminal of 80 columns and a notebook show of checkpoints, weights and tables."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest
import torch
from models import tiny_gpt, tiny_ngpt, write_nvidia, write_reference

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError, MissingRole, WrongOption

MIXED = ["condition_numbers", "neighbours", "eigen_learning_rates"]
"""Heads, pairs, statistics, and what a GPT has none of: every column tells rows apart."""
HOSTILE = "<script>alert(1)</script>\x1b[31m"


@pytest.fixture
def paths(layouts: dict[str, Path]) -> list[Path]:
    return [layouts["reference_gpt"], layouts["reference_ngpt"]]


class TestCheckpoint:
    def test_it_is_a_few_lines(self, paths: list[Path]) -> None:
        assert repr(ni.open_checkpoint(paths[1])).splitlines() == [
            "ngpt",
            "  family        nGPT (reference_ngpt)",
            "  size          2 layers, 4 heads, d_model 16, vocabulary 30",
            "  parameters    5,534, stored as F32",
            "  step          7",
            "  unrecognised  nothing",
        ]

    def test_it_says_what_was_assumed_and_not_recognised(self, tmp_path: Path) -> None:
        nvidia = repr(ni.open_checkpoint(write_nvidia(tiny_ngpt(), tmp_path / "n/ckpt.pt")))
        assert "  assumed       alpha_init = 0.05, s_qk_init = 1" in nvidia
        assert "  step          " in nvidia
        path = write_reference(
            tiny_gpt(),
            tmp_path / "x.safetensors",
            change=lambda t: t.update({HOSTILE: torch.zeros(2)}),
        )
        odd = ni.open_checkpoint(path, label=f"<b>{HOSTILE}")
        assert repr(odd).splitlines()[0] == "<b><script>alert(1)</script> [31m"
        assert repr(odd).splitlines()[-1] == "  unrecognised  <script>alert(1)</script> [31m"
        page = odd._repr_html_()
        assert "&lt;b&gt;&lt;script&gt;" in page
        assert "<script" not in page
        assert "\x1b" not in page + repr(odd)

    def test_a_container_of_checkpoints_is_readable_too(self, paths: list[Path]) -> None:
        models = [ni.open_checkpoint(path) for path in paths]
        assert len(repr(models)) < 1000

    def test_weights_by_role_and_layer(self, paths: list[Path]) -> None:
        ngpt = ni.open_checkpoint(paths[1])
        queries = ngpt["W_q"]
        assert [weight.key for weight in queries] == [("W_q", 0, None), ("W_q", 1, None)]
        assert [weight.role for weight in ngpt[ni.Role.S_Z]] == ["s_z"]
        assert len(ngpt.layers) == 2
        assert {weight.layer for weight in ngpt.layers[1]} == {1}
        (same,) = ngpt.layers[1]["W_q"]
        assert same is queries[1]
        assert torch.equal(queries[-1].values(), ngpt.get(ni.Role.W_Q, 1).values())
        assert sum(map(len, ngpt.layers)) + 3 == len(ngpt.weights)  # embeddings and s_z
        assert list(ngpt.layers[0][1:3]) == list(ngpt.layers[0])[1:3]

    def test_weights_are_a_line_each(self, paths: list[Path]) -> None:
        ngpt = ni.open_checkpoint(paths[1])
        line = "<W_q of layer {0}: [16, 16] F32, layers.{0}.attention.W_q.weight>"
        assert repr(ngpt["W_q"]).splitlines() == [line.format(0), line.format(1)]
        assert repr(ngpt["s_z"][0]) == "<s_z: [30] F32, s_z>"
        assert repr(ngpt.layers[0]["W_q"][1:]) == "no weights"

    def test_what_is_not_there_is_said(self, paths: list[Path]) -> None:
        gpt, ngpt = map(ni.open_checkpoint, paths)
        with pytest.raises(WrongOption, match=r"no role 'W_Q'; did you mean W_q\?"):
            ngpt["W_Q"]
        with pytest.raises(MissingRole, match=r"gpt: .*; there are E_input"):
            gpt["s_z"]
        with pytest.raises(InspectError, match="no E_input here; there are W_q"):
            ngpt.layers[0]["E_input"]


class TestTable:
    def test_columns_that_say_nothing_are_left_out(self, paths: list[Path]) -> None:
        lines = repr(ni.measure(paths, "condition_numbers")).splitlines()
        assert lines[0].split() == ["checkpoint", "layer", "role", "head", "measure", "value"]
        assert lines[1].split() == ["0", "gpt", "0", "W_q", "0", "condition_number", "2"]
        assert " ".join(lines[-2:]) == (
            "[384 rows x 15 columns]; in all of them step 7, status ok; not shown: "
            "architecture, expert, tensor, index, partner, statistic, reason"
        )

    def test_selections_are_shown_alike_and_other_tables_as_pandas_does(
        self, paths: list[Path]
    ) -> None:
        table = ni.measure(paths[0], "condition_numbers")
        some = repr(table[table["role"] == "W_q"])
        assert "in all of them checkpoint gpt, step 7, " in some.replace("\n", " ")
        one = table.head(1)
        assert repr(one) == repr(pd.DataFrame(one))
        other = table.groupby("role", as_index=False)["value"].max()
        assert repr(other) == repr(pd.DataFrame(other))

    @pytest.mark.parametrize("measures", ["condition_numbers", "neighbours", MIXED])
    def test_80_columns_are_enough(self, measures: str | list[str], paths: list[Path]) -> None:
        table = ni.summarise(ni.measure(paths, measures))
        lines = repr(table).splitlines()
        assert max(map(len, lines)) <= 80
        assert {"role", "measure", "value"} <= set(lines[0].split())
        assert "..." not in lines[0]

    def test_a_notebook_has_the_same_columns_and_a_line_below(self, paths: list[Path]) -> None:
        page = ni.measure(paths, "unit_norm")._repr_html_()
        assert "<th>role</th>" in page
        assert "<th>tensor</th>" not in page
        assert "; in all of them step 7" in page.rpartition("<p>")[2]
        odd = ni.measure(ni.open_checkpoint(paths[0], label="<script>"), "unit_norm")
        assert "<script" not in odd._repr_html_()

    def test_it_is_a_data_frame_in_every_other_respect(self, paths: list[Path]) -> None:
        table = ni.measure(paths, "unit_norm")
        again = pickle.loads(pickle.dumps(table))
        pd.testing.assert_frame_equal(again, table)
        assert again.attrs == table.attrs
        assert isinstance(table, pd.DataFrame)
        assert tuple(table.columns) == tuple(pd.DataFrame(table).columns)
