"""The command line around the harness, and the tasks made from held-out text: no harness needed."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
from evaluated import CONTEXT, write_run

from ngpt_inspect.results import training_results
from reference_model.evaluate import command, held_out
from reference_model.evaluate.command import MISSING, main


def test_without_the_harness_one_line_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    assert main([str(tmp_path), "--tasks", "hellaswag"]) == 2
    assert capsys.readouterr() == ("", f"error: {MISSING}\n")
    assert "pip install 'ngpt-inspect[evaluate]'" in MISSING


@pytest.fixture
def harness(monkeypatch):
    """Stand in for the harness: three answers of each model."""
    answers = [
        ("cloze", "acc", 0.25, 0.0),
        ("pairs", "acc", 0.75, 0.5),
        ("said", "bits", 2.0, None),
    ]

    class ReferenceLM:
        def __init__(self, trained, max_length):
            self.max_length = max_length or trained.model.config.context_length
            self.asked, self.cut = 10, 3

    def rows_of(model, tasks, *, shots, limit):
        told = {"shots": shots or 0, "documents": limit or 10}
        for task, metric, value, chance in answers:
            error = None if chance is None else 0.125
            row = {"task": task, "metric": metric} | told | {"value": value}
            yield row | {"standard_error": error, "chance": chance}

    for name, holds in (
        ("harness", {"ReferenceLM": ReferenceLM}),
        (
            "tasks",
            {
                "load_tasks": lambda names, folder: dict.fromkeys(names),
                "rows_of": rows_of,
                "settings_of": lambda task: {"version": 1},
            },
        ),
    ):
        module = ModuleType(name)
        module.__dict__.update(holds)
        monkeypatch.setitem(sys.modules, f"reference_model.evaluate.{name}", module)
    monkeypatch.setattr(command, "find_spec", lambda name: SimpleNamespace(name=name))
    monkeypatch.setattr(command, "version", lambda name: "0.4.13")


def test_what_it_writes_is_a_table_of_results(harness, tmp_path, capsys):
    runs = [write_run(tmp_path / name, name, step=step) for name, step in (("gpt", 7), ("ngpt", 9))]
    out = tmp_path / "results" / "downstream_tasks.csv"
    told = [*map(str, runs), "--tasks", "cloze", "pairs", "said", "--device", "cpu"]
    assert main([*told, "-o", str(out), "--shots", "2", "--limit", "4"]) == 0
    printed, err = capsys.readouterr()
    assert printed.splitlines()[0].split() == ["gpt", "@", "7", "ngpt", "@", "9"]
    assert printed.splitlines()[1].split() == ["cloze", "acc", *["0.25", "±", "0.12"] * 2]
    assert f"gpt @ 7: 3 of 10 requests are longer than {CONTEXT} tokens" in err
    table = training_results("downstream_tasks", out.parent)
    assert len(table) == 6
    assert table[["run", "family", "step", "tokens"]].drop_duplicates().to_numpy().tolist() == [
        ["gpt", "GPT", 7, 7 * 4 * CONTEXT],
        ["ngpt", "nGPT", 9, 9 * 4 * CONTEXT],
    ]
    assert (table["shots"].unique(), table["documents"].unique()) == ([2], [4])
    settings = table.attrs["sources"][0]["settings"]
    assert settings["contexts"]["ngpt @ 9"] == f"3 of 10 requests cut to {CONTEXT} tokens"
    assert settings["harness"] == "lm_eval 0.4.13"
    accuracies = training_results("downstream_accuracy", out).query("task == 'average'")
    assert accuracies[["accuracy", "chance"]].to_numpy().tolist() == [[0.5, 0.25]] * 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shots", "-1"], "--shots -1: must be at least 0"),
        (["--limit", "0"], "--limit 0: must be at least 1"),
        (["--max-length", "0"], "--max-length 0: must be at least 1"),
        (["--task-folder", "nowhere"], "--task-folder nowhere: not a folder"),
        (["--device", "abacus"], "--device abacus: not a device"),
    ],
)
def test_wrong_use_is_one_line(harness, tmp_path, capsys, more, message):
    run = write_run(tmp_path / "run", "gpt")
    assert main([str(run), "--tasks", "cloze", "-o", str(tmp_path / "a.csv"), *more]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {message}")


def test_checkpoints_that_cannot_be_placed(harness, tmp_path, capsys):
    out = ["--tasks", "cloze", "-o", str(tmp_path / "a.csv"), "--device", "cpu"]
    run = write_run(tmp_path / "run", "gpt")
    assert main([str(run), str(run), *out]) == 2
    assert "there is another run @ 7 already; rename" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), *out]) == 2
    assert "cannot be read as safetensors" in capsys.readouterr().err


@pytest.fixture
def corpus(tmp_path):
    lines = [f"Line number {n} of the book, and {n * n} more words." for n in range(4000)]
    lines[::7] = ["x" * 100] * len(lines[::7])  # too long to choose
    (tmp_path / "book.txt").write_text("\n".join(lines))
    return tmp_path / "book.txt", lines


def test_tasks_are_made_of_the_text_that_is_held_out(corpus, tmp_path):
    path, lines = corpus
    last = lines[-len(lines) * 5 // 100 - 1 :]
    folder = tmp_path / "tasks"
    assert held_out.main(["--data", str(path), "--count", "30", "-o", str(folder)]) == 0
    made = {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for name in held_out.TASKS
    }
    assert {name: len(rows) for name, rows in made.items()} == dict.fromkeys(held_out.TASKS, 30)
    text = "\n".join(last)
    for row in made["cloze"]:
        assert f"{row['context']} {row['word']}" in text
        assert row["word"].isalpha()
        assert not row["context"].endswith(" ")
    for row in made["next_line"]:
        assert row["context"] + row["choices"][row["label"]] in text
        assert len(set(row["choices"])) == 4
        assert all(len(each) <= 60 and each in last for each in row["choices"])
    assert {row["label"] for row in made["next_line"]} == {0, 1, 2, 3}
    assert all(row["text"] in text and len(row["text"]) <= 2000 for row in made["rolling"])


def test_tasks_are_the_same_each_time_and_name_their_data(corpus, tmp_path):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        held_out.write_tasks([corpus[0]], folder, 5)
    for name in held_out.TASKS:
        first, second = ((folder / f"{name}.jsonl").read_text() for folder in folders)
        assert first == second
        task = json.loads((folders[0] / f"{name}.yaml").read_text())
        assert task["task"] == name
        assert task["dataset_path"] == "json"
        assert task["dataset_kwargs"]["data_files"] == {"test": str(folders[0] / f"{name}.jsonl")}


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (None, [], "book.txt: cannot be read"),
        ("x\n" * 500, [], "too little held-out text for 500 documents of cloze; give more"),
        ("a word here\n" * 500, ["--count", "0"], "--count 0: must be at least 1"),
    ],
)
def test_text_that_no_task_is_made_of_is_one_line(tmp_path, capsys, text, more, message):
    path = tmp_path / "book.txt"
    if text:
        path.write_text(text)
    assert held_out.main(["--data", str(path), "-o", str(tmp_path / "tasks"), *more]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "tasks").exists()
