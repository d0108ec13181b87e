"""README and docs say what the code and the results say: their tables are made, not typed."""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path

import demo_output
import generate
import numpy as np
import pytest
import reproduction_tables
from generate import DOCUMENTS, MAKERS, PART, main, renewed
from markdown_table import table

RESULTS = Path(__file__).parents[1] / "results" / "tiny"


def rows_of(name):
    with (RESULTS / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def cells(text):
    """Return the rows of a Markdown table as lists of cells, without its two first lines."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]


@pytest.mark.slow  # `make check` asks the same before the tests
def test_every_document_is_up_to_date(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_every_part_has_a_maker_and_every_maker_a_part():
    named = [found["name"] for path in DOCUMENTS for found in PART.finditer(path.read_text())]
    assert sorted(named) == sorted(MAKERS | demo_output.MAKERS)


def test_a_number_that_was_typed_is_told_and_made_anew(tmp_path, monkeypatch, capsys):
    document = tmp_path / "a.md"
    document.write_text(
        "before\n<!-- made: t -->\n| a |\n|---|\n| 2 |\n<!-- end -->\nafter <!-- "
        "made: n -->6<!-- end --> more <!-- made: other -->x<!-- end -->\n"
    )
    whole = document.read_text().replace("| 2 |", "| 1 |").replace("6", "7")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "DOCUMENTS", [document])
    monkeypatch.setattr(generate, "MAKERS", {"t": lambda: table(["a"], [["1"]]), "n": lambda: "7"})
    assert main(["--check"]) == 1
    assert "out of date: a.md; write them with `make docs`" in capsys.readouterr().err
    assert main([]) == 0
    assert document.read_text() == whole
    assert main(["--check"]) == 0


def test_what_surrounds_a_part_stays():
    text = DOCUMENTS[0].read_text()
    assert PART.sub("", renewed(text)) == PART.sub("", text)


def test_a_bar_in_a_cell_is_no_new_cell():
    assert table(["a", ""], [["|x|", "y"]]) == "| a | |\n|---|---|\n| \\|x\\| | y |"


def test_speed_ups_are_geometric_means_of_the_factors_of_each_seed():
    """Steps GPT needs to nGPT's final loss, interpolated over log steps, over nGPT's."""
    final = defaultdict(dict)
    for row in rows_of("speed_up"):
        if row["step"] == row["steps"]:
            place = row["family"], row["context_length"], row["seed"]
            final[place][int(row["steps"])] = float(row["validation_loss"])
    made = cells(reproduction_tables.speed_up())
    for line, context in zip(made, ("64", "256", "512"), strict=True):
        for cell, budget in zip(line[2:], (100, 200, 400), strict=True):
            factors = []
            for seed in "01":
                gpt = final["GPT", context, seed]
                losses, steps = [gpt[s] for s in sorted(gpt)][::-1], np.log(sorted(gpt))[::-1]
                needed = np.exp(np.interp(final["nGPT", context, seed][budget], losses, steps))
                factors.append(needed / budget)
            mean = np.sqrt(factors[0] * factors[1])
            assert cell == f"{mean:.2f}x ({factors[0]:.2f}, {factors[1]:.2f})"


def test_perplexities_are_of_the_mean_loss_over_seeds():
    losses = defaultdict(list)
    for row in rows_of("longer_context"):
        place = row["text"], row["family"], int(row["context_length"]), int(row["evaluated_length"])
        losses[place].append(float(row["loss"]))
    made = [line for line in cells(reproduction_tables.longer_context()) if line[1]]
    places = [
        (text, family, context)
        for text in ("held-out", "out-of-domain")
        for family in ("GPT", "nGPT")
        for context in (64, 256, 512)
    ]
    for line, (*place, context) in zip(made, places, strict=True):
        expected = [np.exp(np.mean(losses[*place, context, context * k])) for k in (1, 2, 4, 8, 16)]
        assert line[1:] == [f"{value:.1f}" for value in expected]


@pytest.mark.parametrize("name", ["ablations table 4", "ablations table 5", "ablations others"])
def test_changes_are_against_the_baseline_of_the_same_seed(name, monkeypatch):
    once = cache(reproduction_tables.changes)  # asked for in every cell
    monkeypatch.setattr(reproduction_tables, "changes", once)
    losses = {
        (row["variant"], row["seed"]): float(row["validation_loss"]) for row in rows_of("ablations")
    }
    change = {
        ", ".join(f"{100 * (losses[v, s] / losses['', s] - 1):+.2f}" for s in "01").replace(
            "-", "−"
        )
        for v, _ in losses
    }
    made = [line[-1].removesuffix(" %") for line in cells(MAKERS[name]())]
    assert set(made) <= change
    assert len(set(made)) > len(made) - 2


def test_a_session_shows_the_command_what_it_prints_and_its_exit_code():
    said = demo_output.block("console", "ngpt-inspect --version", "ngpt-inspect no-such; echo $?")
    assert said.startswith("```console\n$ ngpt-inspect --version\n")
    assert said.endswith("\n2\n```")


def test_accuracies_are_those_of_the_last_step_and_averages_their_means():
    found = {
        (row["family"], row["task"], row["metric"]): row
        for row in rows_of("downstream_tasks")
        if row["step"] == row["steps"]
    }
    made = {(line[0], line[1]): line[2:] for line in cells(reproduction_tables.downstream_tasks())}
    for at, family in enumerate(("GPT", "nGPT"), 1):
        for task, metric in (("cloze", "acc"), ("next_line", "acc"), ("next_line", "acc_norm")):
            row = found[family, task, metric]
            value, error = float(row["value"]), float(row["standard_error"])
            assert made[task, metric][at] == f"{value:.3f} ± {error:.3f}"
        both = [found[family, task, "acc"] for task in ("cloze", "next_line")]
        mean = np.mean([float(row["value"]) for row in both])
        error = np.hypot(*[float(row["standard_error"]) for row in both]) / 2
        assert made["average", "acc"][at] == f"{mean:.3f} ± {error:.3f}"
