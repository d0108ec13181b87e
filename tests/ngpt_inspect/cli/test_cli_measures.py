"""Every measure on every layout, in every format, with every option."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from models import (
    BASE_SCALE,
    tiny_gpt,
    tiny_ngpt,
    write_gpt2,
    write_nanogpt,
    write_nvidia,
    write_reference,
)

from ngpt_inspect.measures import MEASURES
from ngpt_inspect.tables.export import encode
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

Cli = Callable[..., Result]
TableOf = Callable[[str, str], pd.DataFrame]
FORMATS = ("table", "csv", "json", "jsonl", "parquet")


def measured(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


ELSE = {
    "eigen_learning_rates": ["reference_gpt"],  # which has none
    "scaling_factors": ["reference_gpt"],
    "condition_numbers": ["nanogpt", "gpt2-bin"],
    "dot_products": ["llama-tied"],
}
"""What is printed of other layouts than nGPT's: tables of all layouts are tested elsewhere."""


def _printed() -> Iterator[object]:
    """Yield each measure with its layouts; one of each way to be printed is not slow."""
    seen: set[object] = set()
    for name, each in MEASURES.items():
        how = (each.view, bool(each.pooled))
        slow = [pytest.mark.slow] * (how in seen)
        seen.add(how)
        yield pytest.param(name, "reference_ngpt", marks=slow)
        yield from (pytest.param(name, layout) for layout in ELSE.get(name, ()))


@pytest.mark.parametrize(("measure", "layout"), [*_printed()])
def test_every_measure_is_printed(
    measure: str,
    layout: str,
    layouts: dict[str, Path],
    open_layout: Callable[[str], WeightSet],
    table_of: TableOf,
    cli: Cli,
) -> None:
    result = cli(MEASURES[measure].command, layouts[layout])
    opened = open_layout(layout)
    assert result.stdout == "" or f"({opened.architecture}): " in result.stdout.splitlines()[0]
    if not set(MEASURES[measure].roles) & set(opened.roles):
        assert result.exit_code == 2
        assert result.stdout == ""
        assert re.search("nothing measured: (a GPT has none|none in the .* layout)", result.stderr)
        return
    assert result.exit_code == 0, result.stderr
    table = table_of(layout, measure)
    label = table["checkpoint"][0]
    heading, *lines = result.stdout.splitlines()
    assert heading.startswith(f"{label}")
    roles = table.loc[table["status"] != "skipped", "role"].unique()
    assert all(any(role in line.split() for line in lines) for role in roles)
    assert not {"nan", "~nan", "None", "<NA>"} & set(result.stdout.split())
    covered = table.attrs["checkpoints"][0]["coverage"]
    said = f"{label}: {covered['measured']} of {covered['weights']} weights measured"
    assert result.stderr.startswith(said)


@pytest.mark.parametrize("format_name", FORMATS)
def test_formats_on_stdout_and_in_files(
    format_name: str, layouts: dict[str, Path], table_of: TableOf, cli: Cli, tmp_path: Path
) -> None:
    command = ("condition-numbers", layouts["nanogpt"], "--quiet")
    printed = cli(*command, "--format", format_name)
    assert printed.exit_code == 0
    assert printed.stderr == ""
    saved = tmp_path / f"x.{format_name}"
    kept = cli(*command, "-o", saved)  # the suffix says the format
    assert (kept.exit_code, kept.stdout) == (0, "")
    assert saved.read_bytes() == printed.stdout_bytes
    if format_name != "table":
        table = table_of("nanogpt", "condition_numbers")
        assert saved.read_bytes() == encode(table, format_name)


def test_the_printed_table_is_that_of_the_paper(cli: Cli, tmp_path: Path) -> None:
    """Layers down, roles across; median of 2, 3, 4, 5 for the heads of layer 0, whole MLPs."""
    path = write_reference(tiny_gpt(), tmp_path / "known.safetensors")
    lines = cli("condition-numbers", path, "-q").stdout.splitlines()
    assert lines[0] == (
        "known at step 7 (reference_gpt): condition numbers, "
        "median over heads (whole matrix where there are none)"
    )
    assert lines[1].split() == ["layer", "W_q", "W_k", "W_v", "W_o", "W_u", "W_nu", "W_oMLP"]
    assert lines[3].split() == ["0", "3.5", "3.5", "3.5", "3.5", "50", "150", "250"]
    assert lines[4].split() == ["1", "13.5", "13.5", "13.5", "13.5", "51", "151", "251"]


def test_infinite_and_unmeasured_cells(cli: Cli, tmp_path: Path) -> None:
    model = tiny_gpt().changed(W_q_0=np.ones((16, 16)), W_u_1=np.full((24, 16), np.nan))
    path = write_reference(model, tmp_path / "x.safetensors")
    result = cli("condition-numbers", path)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()[3:5]]
    assert rows[0][1] == "inf"
    assert rows[1][5] == "-"
    assert "13 of 14 weights measured; 1 skipped: layers.1.mlp.W_u.weight: 384 of" in result.stderr


def test_layers_and_roles(layouts: dict[str, Path], cli: Cli) -> None:
    command = ("vector-norms", layouts["llama"], "--format", "json")
    rows = measured(cli(*command, "--layers", "1", "--roles", "W_q, W_oMLP"))
    assert {(row["layer"], row["role"]) for row in rows} == {(1, "W_q"), (1, "W_oMLP")}
    both = measured(cli(*command, "--layers", "0-1"))
    assert both == measured(cli(*command)) == measured(cli(*command, "--layers", "0,1"))


def test_steps_of_a_run(cli: Cli, tmp_path: Path) -> None:
    for step in (10, 20, 30):
        path = tmp_path / f"gpt/step-{step:06d}.safetensors"
        write_reference(tiny_gpt(seed=step), path, step=step)

    def steps(*options: str) -> list[int]:
        rows = measured(cli("unit-norm", tmp_path / "gpt", "--format", "json", *options))
        return list(dict.fromkeys(row["step"] for row in rows))

    assert steps() == [30]
    assert steps("--steps", "all") == [10, 20, 30]
    assert steps("--steps", "10,30") == [10, 30]
    table = cli("embedding-norms", tmp_path / "gpt", "--steps", "all").stdout
    headings = [line for line in table.splitlines() if line.startswith("gpt at step")]
    assert [heading.split()[3] for heading in headings] == ["10", "20", "30"]
    wrong = cli("unit-norm", tmp_path / "gpt", "--steps", "25")
    assert wrong.exit_code == 2
    assert wrong.stderr == (f"ngpt-inspect: {tmp_path / 'gpt'}: no step 25; there are 10, 20, 30\n")


def test_heads(cli: Cli, tmp_path: Path) -> None:
    folder = write_gpt2(tiny_gpt(), tmp_path / "bare", config=False)
    unknown = cli("condition-numbers", folder)
    assert unknown.exit_code == 0
    assert "do not say how many heads there are; give --heads N" in unknown.stderr
    command = ("condition-numbers", folder, "--format", "json", "--roles", "W_q", "--layers", "0")
    rows = measured(cli(*command, "--heads", "4"))
    kappas = [row["value"] for row in rows if row["measure"] == "condition_number"]
    assert kappas == pytest.approx([2, 3, 4, 5, 5], rel=1e-5)


def test_alpha_init_and_what_was_assumed(cli: Cli, tmp_path: Path) -> None:
    path = write_nvidia(tiny_ngpt(), tmp_path / "nvidia/ckpt.pt")
    command = ("eigen-learning-rates", path, "--format", "json")
    plain = cli(*command)
    assert "nvidia: not in the files, so assumed: alpha_init = 0.05, s_qk_init = 1" in plain.stderr
    assert "base_scale" not in plain.stderr
    given = cli(*command, "--alpha-init", "0.2")
    assert "alpha_init" not in given.stderr
    stored = tiny_ngpt().arrays["alpha_A", 0]
    found = [r["value"] for r in measured(given) if (r["role"], r["layer"]) == ("alpha_A", 0)]
    assert found == pytest.approx(np.abs(stored * 0.2 / BASE_SCALE), rel=1e-12)
    nano = write_nanogpt(tiny_gpt(), tmp_path / "nano.pt")
    refused = cli("eigen-learning-rates", nano, "--alpha-init", "0.1")
    assert refused.exit_code == 2
    assert "nanogpt has no constant alpha_init; its constants are: none" in refused.stderr


def test_architecture(layouts: dict[str, Path], cli: Cli) -> None:
    right = cli("unit-norm", layouts["gpt2"], "--architecture", "gpt2", "--format", "json")
    assert {row["architecture"] for row in measured(right)} == {"gpt2"}
    wrong = cli("unit-norm", layouts["gpt2"], "--architecture", "gpt3")
    assert wrong.exit_code == 2
    assert "no architecture 'gpt3'; did you mean gpt2? there are alxndrtl_ngpt" in wrong.stderr


def test_options_of_one_measure(layouts: dict[str, Path], cli: Cli) -> None:
    command = ("dot-products", layouts["gpt2"], "--format", "json")
    rows = measured(cli(*command, "--bins", "7", "--extremes", "2", "--exact"))
    kinds = [(row["measure"], row["statistic"]) for row in rows]
    assert kinds.count(("dot", "bin_count")) <= 7
    assert kinds.count(("cosine_largest", None)) == 2
    centred, raw = (
        measured(cli("embedding-spectrum", layouts["gpt2"], "--format", "json", *flags))
        for flags in ((), ("--uncentred",))
    )
    assert centred[0]["value"] < raw[0]["value"]
    assert cli("unit-norm", layouts["gpt2"], "--bins", "7").exit_code == 2


def test_several_side_by_side(layouts: dict[str, Path], cli: Cli) -> None:
    result = cli("embedding-norms", layouts["reference_gpt"], layouts["reference_ngpt"])
    headings = [line for line in result.stdout.splitlines() if ": embedding norms" in line]
    assert [heading.split()[0] for heading in headings] == ["gpt", "ngpt"]
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["gpt", "ngpt"]


def test_workers_change_nothing(layouts: dict[str, Path], cli: Cli) -> None:
    command = ("condition-numbers", layouts["llama"], "--format", "json")
    assert measured(cli(*command, "--workers", "2")) == measured(cli(*command))
    none = cli(*command, "--workers", "0")
    assert (none.exit_code, none.stderr) == (
        2,
        "ngpt-inspect: --workers: 0 workers; give 1 or more\n",
    )


def test_figure(layouts: dict[str, Path], cli: Cli, tmp_path: Path) -> None:
    drawn = tmp_path / "x.html"
    result = cli("condition-numbers", layouts["llama"], "--figure", drawn, "--format", "json")
    assert len(measured(result)) > 0
    assert "plotly" in drawn.read_text(encoding="utf-8").lower()
    wrong = cli("condition-numbers", layouts["llama"], "--figure", tmp_path / "x.gif")
    assert wrong.exit_code == 2
    assert "no figure format .gif; end the name in .html" in wrong.stderr
    assert wrong.stdout == "", "a wrong name is noticed before anything is measured"


class TestThresholds:
    """Kappas of heads are 2..5 and 12..15, of the MLP 50 to 251."""

    @pytest.mark.parametrize(
        ("flag", "kept", "crossed", "places"),
        [
            ("--fail-above", "15.1", "14.5", {"layer 1 head 3: condition_number 15"}),
            (
                *("--fail-below", "1.9", "3.5"),
                {f"layer 0 head {head}: condition_number {head + 2}" for head in (0, 1)},
            ),
        ],
    )
    def test_crossed(
        self,
        flag: str,
        kept: str,
        crossed: str,
        places: set[str],
        layouts: dict[str, Path],
        cli: Cli,
    ) -> None:
        command = ("condition-numbers", layouts["llama-sharded"], "--roles", "W_q")
        assert cli(*command, flag, kept).exit_code == 0
        result = cli(*command, flag, crossed)
        assert result.exit_code == 1
        said = {line for line in result.stderr.splitlines() if line.startswith("threshold")}
        assert said == {f"threshold crossed: llama-sharded W_q {place}" for place in places}
        assert result.stdout, "the table is printed all the same"

    def test_the_whole_of_a_matrix_with_heads_does_not_count(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        query = np.concatenate([np.eye(16)[[0, 1, 2, 3]]] * 4)  # heads alike: the whole has rank 4
        path = write_reference(tiny_gpt().changed(W_q_0=query), tmp_path / "x.safetensors")
        result = cli(
            "condition-numbers", path, "--roles", "W_q", "--layers", "0", "--fail-above", 2
        )
        assert result.exit_code == 0

    def test_infinity_is_above_everything(self, cli: Cli, tmp_path: Path) -> None:
        path = write_reference(
            tiny_gpt().changed(W_u_0=np.ones((24, 16))), tmp_path / "x.safetensors"
        )
        command = ("condition-numbers", path, "--roles", "W_u", "--layers", "0")
        for threshold in ("1e300", "inf"):
            result = cli(*command, "--fail-above", threshold)
            assert result.exit_code == 1
            assert "threshold crossed: x W_u layer 0: condition_number inf" in result.stderr

    def test_what_could_not_be_measured_cannot_pass(self, cli: Cli, tmp_path: Path) -> None:
        model = tiny_gpt().changed(W_u_1=np.full((24, 16), np.nan))
        path = write_reference(model, tmp_path / "x.safetensors")
        result = cli("condition-numbers", path, "--fail-above", "1e9")
        assert result.exit_code == 1
        assert "x W_u layer 1: not measured: layers.1.mlp.W_u.weight: 384 of 384" in result.stderr

    def test_a_tied_output_embedding_is_measured_as_the_input(
        self, layouts: dict[str, Path], cli: Cli
    ) -> None:
        command = ("embedding-norms", layouts["gpt2"])
        assert cli(*command, "--fail-above", "100").exit_code == 0
        assert cli(*command, "--fail-above", "0.1").exit_code == 1

    def test_many_are_cut(self, layouts: dict[str, Path], cli: Cli) -> None:
        result = cli("condition-numbers", layouts["llama-sharded"], "--fail-above", "1")
        lines = result.stderr.splitlines()
        assert sum(line.startswith("threshold crossed") for line in lines) == 5
        assert lines[-1] == f"... and {2 * (4 * 4 + 3) - 5} more"

    def test_quiet_still_says_what_crossed(self, layouts: dict[str, Path], cli: Cli) -> None:
        result = cli("unit-norm", layouts["reference_ngpt"], "--quiet", "--fail-above", "0.01")
        assert result.exit_code == 1
        assert result.stderr == "threshold crossed: ngpt W_v layer 1: unit_deviation 0.25\n"


class TestTensors:
    def test_roles_of_fused_and_tied_tensors(self, layouts: dict[str, Path], cli: Cli) -> None:
        rows = measured(cli("tensors", layouts["nanogpt"], "--format", "json"))
        by_name: dict[str, list[dict[str, object]]] = {}
        for row in rows:
            by_name.setdefault(str(row["tensor"]), []).append(row)
        fused = by_name["_orig_mod.transformer.h.1.attn.c_attn.weight"]
        assert [(r["role"], r["layer"], r["note"]) for r in fused] == [
            ("W_q", 1, "rows 0:16"),
            ("W_k", 1, "rows 16:32"),
            ("W_v", 1, "rows 32:48"),
        ]
        assert fused[0]["shape"] == [48, 16]
        assert (fused[0]["dtype"], fused[0]["bytes"]) == ("F32", 48 * 16 * 4)
        (head,) = by_name["_orig_mod.lm_head.weight"]
        assert (head["role"], head["note"]) == (None, "tied")
        (bias,) = by_name["_orig_mod.transformer.h.0.mlp.c_fc.bias"]
        assert bias["note"] == "a bias; of measures logit_bounds alone reads biases"
        assert all(type(row["layer"]) in (int, type(None)) for row in rows)

    def test_an_unknown_layout_is_listed_and_said(self, cli: Cli, tmp_path: Path) -> None:
        import torch
        from safetensors.torch import save_file

        path = tmp_path / "x.safetensors"
        save_file({"conv.kernel": torch.zeros(2, 3)}, path)
        result = cli("tensors", path)
        assert result.exit_code == 0
        assert "conv.kernel" in result.stdout
        assert "no known layout has tensors named conv.kernel" in result.stderr

    def test_unrecognised_tensors_are_marked(self, cli: Cli, tmp_path: Path) -> None:
        import torch

        path = write_reference(
            tiny_gpt(),
            tmp_path / "x.safetensors",
            change=lambda t: t.update({"extra[bold]": torch.zeros(2)}),
        )
        result = cli("tensors", path)
        (line,) = [line for line in result.stdout.splitlines() if "extra" in line]
        assert line.split() == ["extra[bold]", "[2]", "F32", "8", "not", "recognised"]
        noted = cli("unit-norm", path)
        assert "x: 1 tensors not recognised, such as extra[bold]" in noted.stderr

    @pytest.mark.parametrize(
        ("command", "format_name"), [("tensors", "parquet"), ("summary", "csv")]
    )
    def test_formats(
        self, command: str, format_name: str, layouts: dict[str, Path], cli: Cli, tmp_path: Path
    ) -> None:
        printed = cli(command, layouts["llama"], "--format", format_name)
        assert printed.exit_code == 0, printed.stderr
        saved = tmp_path / f"x.{format_name}"
        kept = cli(command, layouts["llama"], "-o", saved)
        assert (kept.exit_code, kept.stdout) == (0, "")
        assert saved.read_bytes() == printed.stdout_bytes != b""


def test_names_with_brackets_are_printed_as_they_are(cli: Cli, tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "run[red]:smile:.safetensors")
    result = cli("unit-norm", path)
    assert result.stdout.startswith("run[red]:smile: at step 7")


def test_summary(layouts: dict[str, Path], cli: Cli) -> None:
    result = cli("summary", layouts["reference_gpt"], layouts["reference_ngpt"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["gpt", "@", "7", "ngpt", "@", "7"]
    text = {line.split("  ")[0].strip(): line for line in lines}
    assert "GPT (reference_gpt)" in text["family"]
    assert "nGPT (reference_ngpt)" in text["family"]
    assert text["size"].count("2 layers, 4 heads, d 16") == 2
    assert text["tokens"].split() == ["tokens", "7,000", "7,000"]
    assert "trouble: 15 of 16 matrices (largest deviation 0.25: W_v layer 1)" in text["unit norm"]
    assert "unit norm: nGPT keeps the vectors" in result.stderr
    assert "condition number, worst:" not in result.stderr, "251 breaks no rule"


def test_differences(layouts: dict[str, Path], cli: Cli) -> None:
    result = cli("differences", layouts["reference_gpt"], layouts["llama"])
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["group", "item", "gpt", "@", "7", "llama"]
    assert ["model", "architecture", "reference_gpt", "llama"] in lines
    assert re.fullmatch(r"\d+ facts differ, \d+ agree\n", result.stderr)
    n_facts = int(result.stderr.split()[0])
    rows = json.loads(
        cli("differences", layouts["reference_gpt"], layouts["llama"], "--format", "json").stdout
    )
    assert len(rows) == 2 * n_facts == 2 * (len(lines) - 2)


def test_figures_of_checkpoints_and_results(
    layouts: dict[str, Path], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that the words reach `save_figures`, which has tests of its own."""
    from ngpt_inspect import plotting

    asked: list[tuple[object, ...]] = []

    def save_figures(
        sources: list[object], folder: Path, formats: list[str], **options: object
    ) -> list[str]:
        asked.append(([getattr(each, "label", each) for each in sources], folder, formats, options))
        return ["one.html (a note)", "two.html"]

    monkeypatch.setattr(plotting, "save_figures", save_figures)
    results, folder = tmp_path / "speed_up.csv", tmp_path / "drawn"
    results.write_text("run,family\n")
    words = ("--formats", "html,svg", "--names", "embeddings,loss_curves", "--width", "one")
    chosen = ("--set", "view=histogram", "--set", "layer=3")
    result = cli(
        "figures", layouts["gpt2"], layouts["llama"], results, "-o", folder, *words, *chosen
    )
    assert (result.exit_code, result.stdout) == (0, "one.html (a note)\ntwo.html\n")
    ((opened, place, formats, options),) = asked
    assert (opened, place) == (["gpt2", "llama", str(results)], folder)
    assert formats == ["html", "svg"]
    wanted = {"names": ["embeddings", "loss_curves"], "width": "one"}
    assert options.items() >= (wanted | {"view": "histogram", "layer": 3}).items()


def test_a_measure_of_nothing_says_so(cli: Cli, tmp_path: Path) -> None:
    model = tiny_ngpt()
    nothing = {
        f"{role}_{i}": np.full(16, math.nan) for role in ("alpha_A", "alpha_M") for i in (0, 1)
    }
    path = write_reference(model.changed(**nothing), tmp_path / "x.safetensors")
    result = cli("eigen-learning-rates", path)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(
        "ngpt-inspect: nothing measured: layers.0.alpha_A: 16 of 16 values are NaN or infinite"
    )
    assert str(Role.ALPHA_A) in result.stderr
