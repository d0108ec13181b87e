"""The hub's cache: a model by its folder, by its revisions, and by its address without network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from models import LLAMA_NAMES, named, tiny_gpt
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError, UnreadableFile
from ngpt_inspect.finding import found_below
from ngpt_inspect.hub_cache import cache_folder, cached, model_of, revision_of, revisions
from ngpt_inspect.runs import checkpoints_of, run_of, step_files

COMMITS = {name: f"{number:040x}" for number, name in enumerate(("main", "step1000", "step200"), 7)}


# It reads the environment once: before these tests say that there is no network.
pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "hub"


def keep(hub: Path, *names: str, model: str = "models--org--tiny.llama") -> Path:
    """Write what huggingface_hub keeps of some revisions: blobs, and links to them."""
    folder = hub / model
    for name in names:
        blob = folder / "blobs" / f"blob-{name.replace('/', '-')}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        save_file(named(tiny_gpt(seed=len(name)), LLAMA_NAMES, torch.float32), blob)
        snapshot = folder / "snapshots" / COMMITS.get(name, f"{hash(name) % 16**8:040x}")
        snapshot.mkdir(parents=True)
        (snapshot / "model.safetensors").symlink_to(f"../../blobs/{blob.name}")
        (snapshot / "config.json").write_text(json.dumps({"num_attention_heads": 4}))
        ref = folder / "refs" / name
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(snapshot.name)
    return folder


@pytest.mark.parametrize(
    "source",
    [
        "hf://org/tiny.llama",
        "hf://models/org/tiny.llama/",
        "hf://org/tiny.llama@main",
        f"hf://org/tiny.llama@{COMMITS['main']}",
        "hf://org/tiny.llama/model.safetensors",
    ],
)
def test_an_address_without_network(source: str, hub: Path) -> None:
    keep(hub, "main", "step200")
    model = ni.open_checkpoint(source)
    assert (model.label, model.shape.n_heads, model.step) == ("tiny.llama", 4, None)
    assert f"snapshots/{COMMITS['main']}" in model.contents.source


def test_a_revision_by_its_name(hub: Path) -> None:
    keep(hub, "main", "step200", "refs/pr/1")
    assert ni.open_checkpoint("hf://org/tiny.llama@step200").step == 200
    assert ni.open_checkpoint("hf://org/tiny.llama@refs/pr/1").label == "tiny.llama@refs/pr/1"


def test_the_folder_of_a_model(hub: Path) -> None:
    folder = keep(hub, "main")
    model = ni.open_checkpoint(folder)
    assert model.label == "tiny.llama"
    assert model_of(Path(model.contents.source)) == folder
    assert set(revisions(folder)) == {"main"}
    assert revision_of(Path(model.contents.source)) == ""


def test_revisions_named_for_steps_are_a_run(hub: Path) -> None:
    folder = keep(hub, "main", "step1000", "step200")
    assert list(step_files(folder)) == [200, 1000]
    models = [ni.open_checkpoint(each) for each in checkpoints_of(str(folder), "all")]
    assert [(each.label, each.step) for each in models] == [
        ("tiny.llama", 200),
        ("tiny.llama", 1000),
    ]
    table = ni.measure(models, "embedding_norms")
    assert set(table["checkpoint"]) == {"tiny.llama"}
    assert run_of(Path(models[0].contents.source)) == folder


def test_a_walk_lists_a_model_once(hub: Path) -> None:
    keep(hub, "main", "step200")
    assert found_below(hub).paths == ("models--org--tiny.llama",)


def test_two_revisions_that_are_no_steps(hub: Path) -> None:
    folder = keep(hub, "v1", "v2")
    with pytest.raises(UnreadableFile, match="holds 2 revisions, and none is main: v1, v2"):
        ni.open_checkpoint(folder)
    both = [ni.open_checkpoint(at) for at in revisions(folder).values()]
    table = ni.measure(both, "embedding_norms")
    assert set(table["checkpoint"]) == {"tiny.llama@v1", "tiny.llama@v2"}


@pytest.mark.parametrize("said", ["../../../x", "main", "", "0" * 300, "\x00", "7" * 40])
def test_a_ref_that_names_no_snapshot(said: str, hub: Path) -> None:
    folder = keep(hub, "main")
    (folder / "refs" / "main").write_text(said)
    assert set(revisions(folder)) == {COMMITS["main"]}
    assert ni.open_checkpoint(folder).label.startswith("tiny.llama")


@pytest.mark.parametrize(
    "address",
    [
        "hf://org/other",
        "hf://org/tiny.llama@step7",
        "hf://org/tiny.llama@..",
        "hf://org/tiny.llama/../../x",
        "hf://org/tiny.llama/none.safetensors",
        "hf://datasets/org/tiny.llama",
        "s3://org/tiny.llama",
        "org/tiny.llama",
    ],
)
def test_what_is_not_kept(address: str, hub: Path) -> None:
    keep(hub, "main")
    assert cached(address) is None


def test_nothing_kept_and_no_network_is_one_line(hub: Path) -> None:
    with pytest.raises(InspectError) as caught:
        ni.open_checkpoint("hf://org/none")
    assert str(caught.value).isprintable()


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path.home() / ".cache/huggingface/hub"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/huggingface/hub")
    monkeypatch.setenv("HF_HOME", "/y")
    assert cache_folder() == Path("/y/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/z")
    assert cache_folder() == Path("/z")
