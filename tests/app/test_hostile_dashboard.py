"""Hostile files in the dashboard: one sentence each, and whatever else is open stays."""

import os
from pathlib import Path

import pytest
from hostile import corpus, pickles
from hostile.guard import refused
from hypothesis import given, seed, settings
from seen import drawn, words
from small_models import write_gpt, write_ngpt

from app.app_pages.tensors.asking import TensorRequest
from app.arguments import Arguments
from app.engine import questions
from app.engine.changing import ChangesRequest
from app.engine.jobs import State
from app.engine.loading import open_once, workshop
from app.engine.questions import requests
from app.engine.stamps import stamp_of
from app.frame.session import load

pytest.importorskip("gguf")
FORMATS = ("safetensors", "torch", "gguf")
"""Damaged in the default suite: what opens all kinds has its own such tests."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pickles.extension():
        yield tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize(
    ("kind", "examples", "number"),
    [
        *((kind, 8, 0) for kind in FORMATS),
        *(pytest.param(kind, 500, 1, marks=pytest.mark.slow) for kind in corpus.KINDS),
    ],
)
def test_damaged_files_leave_the_others(kind, examples, number, folder):
    """Damaged checkpoints are opened beside a good one as a session does."""
    good = str(write_gpt(folder / "good.safetensors"))
    open_once(str(corpus.write(corpus.files_of(kind), folder / "model", corpus.KINDS[kind])))

    @seed(number)
    @settings(max_examples=examples)
    @given(corpus.cases(kind))
    def check(files):
        path = str(corpus.write(files, folder / "model", corpus.KINDS[kind]))
        sessions = []
        arguments = Arguments(checkpoints=(path, good), root=folder)
        assert not refused(lambda: sessions.append(load(arguments)), folder)
        broken, whole = sessions[0].opened
        assert whole.checkpoint is not None
        assert broken.checkpoint is not None or broken.failure.isprintable()
        assert not pickles.CANARY.exists()

    check()


def overwritten(path):
    write_ngpt(path, seed=9)
    os.utime(path, ns=(1, 1))


def spoiled(monkeypatch, path, happens, *, after):
    """Let something happen to a file as it is measured: before its tensors are read, or after."""
    real = questions.measure

    def late(checkpoint, name, **more):
        mine = checkpoint.contents.source == str(path) and path.exists()
        if mine and not after:
            happens(path)
        table = real(checkpoint, name, **more)
        if mine and after:
            happens(path)
        return table

    monkeypatch.setattr(questions, "measure", late)


def test_a_file_that_vanishes_while_it_is_measured(run, own_models, monkeypatch):
    spoiled(monkeypatch, own_models[1], Path.unlink, after=True)
    app = run(*own_models)
    assert app.warning
    assert all("ngpt" in each.value for each in app.warning)
    assert "Traceback" not in words(app)
    assert drawn(app) == {"gpt"}, "the other is shown"


@pytest.mark.parametrize("happens", [overwritten, Path.unlink], ids=["changes", "vanishes"])
@pytest.mark.parametrize("after", [False, True])
def test_numbers_of_a_file_that_is_gone_are_not_kept(own_models, monkeypatch, happens, after):
    """Neither under the name of the file they were read from, nor under that of the next."""
    path = own_models[1]
    (asked,) = requests([open_once(str(path))], ["unit_norm"])
    spoiled(monkeypatch, path, happens, after=after)
    job = workshop().ask(asked.key, asked.title, asked.work)
    assert job.wait(120)
    assert (job.state, asked.kept()) == (State.FAILED, None)
    assert str(path) in job.error
    assert job.error.isprintable()
    monkeypatch.undo()
    write_ngpt(path, seed=9)
    os.utime(path, ns=(1, 1))
    (anew,) = requests([open_once(str(path))], ["unit_norm"])
    assert anew.key != asked.key
    assert anew.kept() is None


def test_nothing_is_kept_of_files_that_changed_since_they_were_opened(own_models):
    """A part of a page that is drawn alone holds what was open when the whole page was drawn."""
    old, other = (open_once(str(path)) for path in reversed(own_models))
    overwritten(own_models[1])
    stale = [
        *requests([old], ["unit_norm"]),
        ChangesRequest(checkpoints=(other, old)),
        TensorRequest(checkpoint=old),
    ]
    for asked in stale:
        job = workshop().ask(asked.key, asked.title, asked.work)
        assert job.wait(120)
        assert (job.state, asked.kept()) == (State.FAILED, None), asked.title
    (anew,) = requests([open_once(str(own_models[1]))], ["unit_norm"])
    assert anew.key != stale[0].key
    anew.work(lambda done, total: None)
    assert set(anew.kept()["status"]) == {"ok"}


def test_a_part_of_a_page_opens_files_that_changed_anew(run, own_models):
    app = run(own_models[1], page="tensors")
    before = app.dataframe[0].value.set_index("tensor")["kappa"]
    overwritten(own_models[1])
    app.text_input(key="find").input("W_q").run()
    after = app.dataframe[0].value.set_index("tensor")["kappa"]
    assert len(after)
    assert (after != before[after.index]).all()
    fresh = run(own_models[1], page="tensors", find="W_q").dataframe[0].value
    assert after.tolist() == fresh["kappa"].tolist()


@pytest.mark.parametrize("kind", ["sharded safetensors", "sharded torch", "distributed", "gguf"])
def test_every_file_of_a_checkpoint_is_in_its_stamp(kind, tmp_path):
    path = corpus.write(corpus.files_of(kind), tmp_path / "model", corpus.KINDS[kind])
    before = stamp_of(path)
    for file in (tmp_path / "model").iterdir():
        os.utime(file, ns=(1, 1))
        assert stamp_of(path) != before, file.name
        before = stamp_of(path)


@pytest.mark.parametrize("beside", [True, False])
def test_other_settings_beside_a_file_open_it_anew(beside, tmp_path):
    path = corpus.write(
        corpus.files_of("safetensors"), tmp_path / "model", "model.safetensors" * beside
    )
    assert open_once(str(path)).shape.n_heads == 2
    config = path.parent / "config.json" if beside else path / "config.json"
    config.write_text(config.read_text().replace('heads": 2', 'heads": 4'))
    assert open_once(str(path)).shape.n_heads == 4


def test_parts_and_their_folders_are_in_the_stamp(tmp_path):
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    assert [name for name, *_ in stamp_of(tmp_path / "m-00001-of-00002.gguf")] == [
        "m-00001-of-00002.gguf",
        "m-00002-of-00002.gguf",
    ]
    inner = tmp_path / "step1" / "model_and_optim"
    inner.mkdir(parents=True)
    (inner / ".metadata").write_bytes(b"x")
    (inner.parent / "config.json").write_text("{}")
    for place in (inner, inner.parent):
        assert {".metadata", "config.json"} == {name for name, *_ in stamp_of(place)}


def test_what_belongs_to_a_checkpoint_is_in_its_stamp_and_logs_beside_it_are_not(tmp_path):
    step = tmp_path / "global_step3"
    step.mkdir()
    weights = tmp_path / "adapter_model.safetensors", step / "mp_rank_00_model_states.pt"
    index = tmp_path / "sharded" / "model.safetensors.index.json"
    index.parent.mkdir()
    for file in (*weights, index, tmp_path / "adapter_config.json", tmp_path / "config.json"):
        file.write_bytes(b"{}")
    names = [{name for name, *_ in stamp_of(file)} for file in weights]
    assert "adapter_config.json" in names[0]
    assert "config.json" in names[1]
    before = stamp_of(index)
    for log in ("train.log", "metrics.jsonl", "events.out.tfevents.1.host"):
        (index.parent / log).write_text("a line")
    assert stamp_of(index) == before
    (index.parent / "model-00001-of-00002.safetensors").write_bytes(b"x")
    assert stamp_of(index) != before


@pytest.mark.parametrize(
    "inner", ["original/consolidated.safetensors", "mp_rank_00/model.safetensors"]
)
def test_what_a_folder_stands_for_is_opened_anew_wherever_it_lies(inner, tmp_path):
    path = tmp_path / "model" / inner
    path.parent.mkdir(parents=True)
    write_gpt(path)
    before = open_once(str(tmp_path / "model"))
    assert open_once(str(tmp_path / "model")) is before
    overwritten(path)
    after = open_once(str(tmp_path / "model"))
    assert after.contents.stamp != before.contents.stamp
    (asked,) = requests([after], ["unit_norm"])
    asked.work(lambda done, total: None)
    assert set(asked.kept()["status"]) == {"ok"}
