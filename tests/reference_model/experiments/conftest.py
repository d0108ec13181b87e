import pytest
from toy_experiments import SCALE, TOY, write_corpus

from reference_model.experiments.laboratory import Laboratory
from reference_model.experiments.scales import SCALES
from reference_model.presets import PRESETS


@pytest.fixture
def toy(monkeypatch):
    """A scale of models that train in an instant."""
    monkeypatch.setitem(PRESETS, "toy", TOY)
    monkeypatch.setitem(SCALES, "toy", SCALE)
    return SCALE


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def laboratory(toy, corpus, tmp_path):
    return Laboratory(
        scale=toy, corpus=(corpus,), runs=tmp_path / "runs", results=tmp_path / "results"
    )


@pytest.fixture
def arguments(toy, corpus, tmp_path):
    """What every experiment's command line gets in these tests."""
    folders = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    return ["--scale", "toy", "--data", str(corpus), "--device", "cpu", *folders]
