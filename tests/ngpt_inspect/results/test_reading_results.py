"""What is read: CSV files as experiments write them, run folders, and what is wrong in them."""

import csv
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from results_files import both_families, identity, loss_rows, write_rows
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import UnreadableFile, WrongOption
from ngpt_inspect.results import RESULTS, holds_weights, training_results
from reference_model.checkpoint import checkpoint_path
from reference_model.config import GPTConfig, NGPTConfig, TrainConfig
from reference_model.data import TokenData
from reference_model.experiments.runs import Run
from reference_model.experiments.runs import loss_rows as rows_of_run
from reference_model.training.loop import train

torch.set_num_threads(1)  # models this small only lose time when shared between cores
SHAPE = {"vocab_size": 23, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_mlp": 40}
TRAINING = {
    "steps": 6,
    "batch_size": 4,
    "learning_rate": 3e-3,
    "validation_every": 2,
    "validation_sequences": 5,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a run of each family and the folder reference_model trained it into."""
    tokens = np.cumsum(np.random.default_rng(0).integers(0, 3, 900)) % 23
    tokens = tokens.astype(np.uint16)
    data = TokenData(tokens[:-200], tokens[-200:], 23, "{}", "steps")
    found = {}
    for config in (GPTConfig, NGPTConfig):
        model = config(**SHAPE, context_length=12)
        run = Run(model=model, training=TrainConfig(**TRAINING), size="d 16, 2 layers")
        folder = tmp_path_factory.mktemp("runs") / run.name
        train(model, run.training, data, folder, show_progress=False)
        found[run.family] = (run, folder)
    return found


@pytest.fixture
def copied(runs, tmp_path):
    """Return a copy of the nGPT run, to change."""
    _, folder = runs["nGPT"]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def change_metadata(folder, change):
    """Write the last checkpoint of a run again, its description of itself changed."""
    path = checkpoint_path(folder, TRAINING["steps"])
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    told = json.loads(metadata["reference_model"])
    change(told)
    save_file(load_file(path), path, metadata | {"reference_model": json.dumps(told)})


@pytest.mark.parametrize("family", ["GPT", "nGPT"])
def test_a_run_folder_gives_the_rows_its_experiment_would_write(runs, family, tmp_path):
    run, folder = runs[family]
    path = write_rows(tmp_path / "speed_up.csv", rows_of_run(run, folder))
    written, read = training_results("losses", path), training_results("losses", folder)
    assert len(read) == 3
    pd.testing.assert_frame_equal(read, written, atol=0.006)  # the CSV's seconds have 2 digits
    assert read["validation_loss"].tolist() == written["validation_loss"].tolist()
    assert read.attrs["remarks"] == []


def test_a_checkpoint_stands_for_its_run(runs):
    _, folder = runs["nGPT"]
    path = checkpoint_path(folder, TRAINING["steps"])
    opened = training_results("losses", [ni.open_checkpoint(path), path, folder])
    pd.testing.assert_frame_equal(opened, training_results("losses", folder))


def test_two_runs_are_compared(runs):
    table = training_results("speed_up", [folder for _, folder in runs.values()])
    assert table["family"].tolist() == ["nGPT"]
    assert table["bound"].isin(["lower", "upper", ""]).all()


def test_a_half_written_last_line_is_left_out_and_said(copied):
    path = copied / "metrics.jsonl"
    path.write_text(path.read_text()[:-30])
    table = training_results("losses", copied)
    assert table["step"].tolist() == [2, 4]
    (remark,) = table.attrs["remarks"]
    assert "half-written" in remark
    assert copied.name in remark
    (other,) = training_results("final_losses", copied).attrs["remarks"][1:]
    assert "is at step 4 of 6" in other


def test_a_diverged_run_ends_with_a_row_without_a_loss(copied):
    path = copied / "metrics.jsonl"
    *lines, _ = path.read_text().splitlines()
    last = json.loads(lines[-1]) | {"train_loss": None, "validation_loss": None}
    path.write_text("\n".join([*lines[:-1], json.dumps(last)]) + "\n")
    table = training_results("losses", copied)
    assert table["step"].tolist() == [2, 4, 5]
    assert table["validation_loss"].isna().tolist() == [False, False, True]
    (row,) = training_results("final_losses", copied).to_dict("records")
    assert (row["runs"], row["diverged"]) == (0, 1)


def test_a_run_that_diverged_before_its_first_checkpoint_is_told(copied):
    for path in copied.glob("step-*"):
        path.unlink()
    table = training_results("losses", copied)
    assert table.empty
    (remark,) = table.attrs["remarks"]
    assert remark.startswith(f"{copied.name}: metrics without a checkpoint")


def test_what_an_old_checkpoint_does_not_say_is_inferred_and_said(copied):
    whole = training_results("losses", copied)
    change_metadata(copied, lambda told: told.pop("training"))
    table = training_results("losses", copied)
    assert table["steps"].unique().tolist() == [6]
    assert table["batch_size"].unique().tolist() == [4]
    assert table["seed"].unique().tolist() == [0]
    lines = (copied / "metrics.jsonl").read_text().splitlines()
    rates = [json.loads(line)["learning_rate"] for line in lines]
    assert table["learning_rate"].unique().tolist() == [max(rates)]
    pd.testing.assert_frame_equal(
        table.drop(columns="learning_rate"), whole.drop(columns="learning_rate")
    )
    (remark,) = table.attrs["remarks"]
    assert "does not say all" in remark
    assert "steps 6" in remark


def test_a_checkpoint_that_does_not_tell_its_context_is_refused(copied):
    change_metadata(copied, lambda told: told["config"].pop("context_length"))
    with pytest.raises(UnreadableFile) as error:
        training_results("losses", copied)
    assert "\n" not in str(error.value)


def test_csv_cells_come_back_exactly(tmp_path):
    rows = both_families(2.0)
    rows += loss_rows(identity("nGPT", seed=3), {25: 1 / 3, 60: None})
    table = training_results("losses", write_rows(tmp_path / "speed_up.csv", rows))
    assert table.columns.tolist() == list(rows[0])
    for name in rows[0]:
        wanted = [math.nan if row[name] is None else row[name] for row in rows]
        np.testing.assert_array_equal(table[name].to_numpy(), np.array(wanted), strict=False)


def test_the_settings_beside_a_csv_are_kept(tmp_path):
    path = write_rows(tmp_path / "speed_up.csv", both_families(2.0))
    path.with_suffix(".json").write_text('{"scale": "tiny"}')
    (source,) = training_results("losses", path).attrs["sources"]
    assert source["settings"] == {"scale": "tiny"}
    assert source["rows"] == len(both_families(2.0))
    assert len(source["sha256"]) == 64


def test_a_folder_gives_each_table_its_files(tmp_path):
    write_rows(tmp_path / "speed_up.csv", both_families(2.0))
    write_rows(tmp_path / "other.csv", both_families(2.0, seed=9))
    table = training_results("losses", tmp_path)
    assert table["seed"].unique().tolist() == [0]  # other.csv has no known name
    assert training_results("longer_context", tmp_path).empty
    assert not holds_weights(tmp_path)


def test_a_run_of_two_experiments_counts_once(tmp_path):
    rows = both_families(2.0)
    paths = [write_rows(tmp_path / f"{name}.csv", rows) for name in ("speed_up", "learning_rates")]
    table = training_results("losses", paths)
    assert len(table) == len(rows)


def test_different_runs_of_one_name_are_told_apart(tmp_path):
    first = loss_rows(identity("nGPT", size="tiny"), {100: 4.0})
    second = loss_rows(identity("nGPT", size="small"), {100: 3.0})
    paths = []
    for folder, rows in (("a", first), ("b", second)):
        (tmp_path / folder).mkdir()
        paths.append(write_rows(tmp_path / folder / "speed_up.csv", rows))
    table = training_results("losses", paths)
    assert table["run"].nunique() == 2
    assert table["validation_loss"].tolist() == [4.0, 3.0]


def test_columns_may_come_in_any_order_and_with_a_byte_order_mark(tmp_path):
    rows = both_families(2.0)
    path = write_rows(tmp_path / "speed_up.csv", rows)
    turned = write_rows(tmp_path / "turned.csv", [dict(reversed(row.items())) for row in rows])
    turned.write_bytes(b"\xef\xbb\xbf" + turned.read_bytes())
    pd.testing.assert_frame_equal(
        training_results("losses", path), training_results("losses", turned)
    )


def one_line(path, *named):
    """Fail unless reading the file ends in one line that names it and these words."""
    with pytest.raises(UnreadableFile) as error:
        training_results("losses", path)
    line = str(error.value)
    assert "\n" not in line
    for words in (str(path), *named):
        assert words in line
    return line


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("step", "2.5"),
        ("step", ""),
        ("seed", "9" * 40),
        ("validation_loss", "low"),
        ("learning_rate", ""),
        ("family", "Llama"),
    ],
)
def test_a_wrong_cell_is_named_by_line_and_column(column, cell, tmp_path):
    rows = both_families(2.0)
    rows[3] = rows[3] | {column: cell}
    one_line(write_rows(tmp_path / "speed_up.csv", rows), "line 5", repr(column), repr(cell))


def test_a_missing_column_is_named(tmp_path):
    rows = [{k: v for k, v in row.items() if k != "seed"} for row in both_families(2.0)]
    one_line(write_rows(tmp_path / "speed_up.csv", rows), "no column 'seed'")


def test_an_unknown_column_is_named(tmp_path):
    rows = [row | {"gpu": "none"} for row in both_families(2.0)]
    one_line(write_rows(tmp_path / "speed_up.csv", rows), "unknown column 'gpu'")


def test_a_column_twice_is_named(tmp_path):
    path = tmp_path / "speed_up.csv"
    header, *rows = ([*row, row[-1]] for row in _cells(tmp_path))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    one_line(path, "'validation_loss' twice")


def _cells(tmp_path):
    with write_rows(tmp_path / "cells.csv", both_families(2.0)).open(newline="") as file:
        return list(csv.reader(file))


def test_a_line_cut_short_is_named(tmp_path):
    path = write_rows(tmp_path / "speed_up.csv", both_families(2.0))
    path.write_text(path.read_text().rstrip().rsplit(",", 2)[0])
    lines = len(both_families(2.0)) + 1
    one_line(path, f"line {lines} has 11 cells, the header 13")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"run,family\n\xff\xfe", "is not CSV"),
        (b'run,family\n"open', "is not CSV"),
        (b"apples,pears\n1,2\n", "column"),
    ],
)
def test_what_is_no_csv_of_results_is_refused(content, words, tmp_path):
    path = tmp_path / "speed_up.csv"
    path.write_bytes(content)
    one_line(path, words)


@pytest.mark.parametrize("name", ["speed_up.csv", "run", "step-000006.safetensors"])
def test_what_is_not_there_is_refused(name, tmp_path):
    one_line(tmp_path / name, "No such file")


def test_an_unknown_table_is_refused():
    with pytest.raises(WrongOption, match="there are ablation_losses, "):
        training_results("speedup", [])


@pytest.mark.parametrize("name", RESULTS)
def test_of_nothing_every_table_is_empty_with_its_columns(name, tmp_path):
    table = training_results(name, [])
    assert table.empty
    assert table.columns.tolist() == [column.name for column in RESULTS[name].columns]
    assert table.attrs["results"] == name
    assert json.dumps(table.attrs)
