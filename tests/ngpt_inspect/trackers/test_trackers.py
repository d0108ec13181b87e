"""Each tracker's own reader reads back what was exported; without its package a test is skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from models import tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.trackers import TRACKERS, LoggedFigure, Moment, destinations, walk

Cli = Callable[..., Result]
STEPS = (10, 25)
NORMS = "embedding_norm/E_input"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An old run of two steps, its embeddings three times as long at the second."""
    ngpt = tiny_ngpt()
    grown = ngpt.changed(E_input=3 * ngpt.arrays["E_input", None])
    for step, model in zip(STEPS, (ngpt, grown), strict=True):
        write_reference(model, tmp_path / f"old/step-{step:06}.safetensors", step=step)
    return tmp_path / "old"


def exported(cli: Cli, run: Path, *to: object) -> None:
    words = ("--measures", "embedding_norms,unit_norm")
    found = cli("export", run, *to, *words)
    assert found.exit_code == 0, found.output
    assert "2 checkpoints logged to" in found.stderr


def test_tensorboard(run: Path, cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    exported(cli, run, "--to", "tensorboard", tmp_path / "logs")
    read = EventAccumulator(str(tmp_path / "logs/old"), {"scalars": 0, "histograms": 0})
    read.Reload()
    means = read.Scalars(f"{NORMS}/mean")
    assert [each.step for each in means] == list(STEPS)
    assert [each.value for each in means] == pytest.approx([1, 3], rel=1e-6)
    first, second = read.Histograms(f"{NORMS}/histogram")
    assert (first.step, second.step) == STEPS
    values = second.histogram_value
    assert (values.num, sum(values.bucket)) == (30, 30)
    assert values.sum == pytest.approx(90, rel=1e-6)
    assert values.sum_squares == pytest.approx(270, rel=1e-6)


def test_tensorboard_takes_a_figure_as_it_looks(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from io import BytesIO

    from PIL import Image
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)  # red, blue

    Image.fromarray(seen).save(drawn := BytesIO(), format="png")
    picture = LoggedFigure(figure=None, png=drawn.getvalue)
    moment = Moment(run="a", step=7, figures={"both": picture})
    destinations([f"tensorboard={tmp_path}"])[0].take("a", [moment])
    read = EventAccumulator(str(tmp_path / "a"), {"images": 0})
    read.Reload()
    (image,) = read.Images("figures/both")
    assert image.step == 7
    np.testing.assert_array_equal(Image.open(BytesIO(image.encoded_image_string)), seen)


def test_wandb(run: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="the extra wandb is not installed")
    for name, value in (("MODE", "offline"), ("DIR", str(tmp_path)), ("SILENT", "true")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    exported(cli, run, "--to", "wandb=project", "--figures")
    wandb.teardown()  # the last block is on disk when W&B's service has ended, not with the run
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    rows = _of_wandb(next(folder.glob("run-*.wandb")))
    assert [row["ngpt/step"] for row in rows] == list(STEPS)
    means = [row[f"ngpt/{NORMS}/mean"] for row in rows]
    assert means == pytest.approx([1, 3], rel=1e-6)
    counts = rows[1][f"ngpt/{NORMS}/histogram/values"]
    assert sum(counts) == 30  # type: ignore[call-overload]
    drawn = rows[1]
    assert drawn["ngpt/figures/embedding_norms/_type"] == "plotly-file"
    figure = json.loads(
        (folder / "files" / str(drawn["ngpt/figures/embedding_norms/path"])).read_text()
    )
    assert figure["data"]
    assert figure["layout"]["xaxis"]["title"]


def _of_wandb(path: Path) -> list[dict[str, object]]:
    """Return the history of an offline run: records of a LevelDB log, in W&B's own messages."""
    from wandb.proto import wandb_internal_pb2

    rows = []
    for data in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            rows.append(
                {
                    "/".join(each.nested_key) or each.key: json.loads(each.value_json)
                    for each in record.history.item
                }
            )
    return rows


def _records(log: bytes, header: int = 7, block: int = 32768) -> Iterator[bytes]:
    """Yield what a LevelDB log holds: pieces of 4 bytes of checksum, 2 of length, 1 of type."""
    at, whole = header, b""
    while at + 7 <= len(log):
        if block - at % block < 7:
            at += block - at % block  # too short for another piece: filled up
            continue
        length, kind = int.from_bytes(log[at + 4 : at + 6], "little"), log[at + 6]
        whole += log[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def test_mlflow(run: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow import MlflowClient

    exported(cli, run, "--to", "mlflow=trials")
    exported(cli, run, "--to", "mlflow=trials")  # goes on in the same run
    client = MlflowClient()
    experiment = client.get_experiment_by_name("trials")
    (found,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(found.info.run_id, f"{NORMS}.mean")
    means = {each.step: each.value for each in history}
    assert means == pytest.approx({10: 1, 25: 3}, rel=1e-6)
    exported(cli, run, "--to", "mlflow=trials", "--figures")
    drawn = client.list_artifacts(found.info.run_id, "figures/unit_norm")
    assert [Path(each.path).name for each in drawn] == ["00000010.html", "00000025.html"]


def test_trackio(run: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    code = (
        "import json, sys, trackio\n"
        "from ngpt_inspect.cli.commands import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "from trackio.sqlite_storage import SQLiteStorage\n"
        "print(json.dumps(SQLiteStorage.get_logs('project', 'old'), default=str))\n"
    )
    words = ("export", run, "--to", "trackio=project", "--measures", "embedding_norms")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True
    )
    rows = [row for row in json.loads(done.stdout.splitlines()[-1]) if f"{NORMS}/mean" in row]
    assert [row["step"] for row in rows] == list(STEPS)
    assert [row[f"{NORMS}/mean"] for row in rows] == pytest.approx([1, 3], rel=1e-6)


def test_a_table_is_sent_as_the_run_is(run: Path, cli: Cli, tmp_path: Path) -> None:
    """Told to any tracker is what is walked; the walk of a file is that of the table."""
    table = ni.summarise(ni.measure(sorted(run.iterdir()), "embedding_norms"))
    told = list(walk(table))
    assert [each.step for each in told] == list(STEPS)
    assert {each.run for each in told} == {"old"}
    ratio = told[1].scalars[f"{NORMS}/mean"] / told[0].scalars[f"{NORMS}/mean"]
    assert ratio == pytest.approx(3, rel=1e-6)
    np.testing.assert_allclose(
        told[1].histograms[NORMS].edges[0], 3 * told[0].histograms[NORMS].edges[0], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--to: no tracker is named; say mlflow, tensorboard"),
        (("--to", "tensorbord=x"), "did you mean tensorboard?"),
        (("--to", "tensorboard"), "TensorBoard needs a folder; say tensorboard=logs"),
        (("logs", "--to", "wandb", "--to", "trackio"), "one place for several trackers"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], said: str, run: Path, cli: Cli) -> None:
    found = cli("export", run, *words)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert said in found.stderr


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_package_is_one_line_before_anything_is_measured(
    name: str, run: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ngpt_inspect.trackers._tracker.find_spec", lambda _: None)
    found = cli("export", run, "--to", f"{name}={tmp_path / 'x'}")
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert f"pip install 'ngpt-inspect[{name}]'" in found.stderr
    assert not (tmp_path / "x").exists()
