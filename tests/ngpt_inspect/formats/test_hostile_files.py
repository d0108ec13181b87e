"""Hostile files of every format: one line of refusal or true values, and nothing else at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from guard import guarded
from hostile_files import CANARY, SEEDS, Seed, seed
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats import read_contents

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed", "ignore:TypedStorage")
FEW, MANY = 80, 3000


@pytest.fixture(scope="module", params=SEEDS)
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """Return a good checkpoint; its readers are imported once it has been read."""
    folder = tmp_path_factory.mktemp("good")
    found = seed(request.param, folder / "written")
    path = found.write(folder / "again", {})
    assert not read_everything(path), "the good checkpoint is good"
    return found


def read_everything(path: Path) -> list[str]:
    """Read all there is, as a user would; return what was refused, which must name the file."""
    refused: list[InspectError] = []
    try:
        contents = read_contents(path)
        for tensor in contents.tensors.values():
            try:
                assert tuple(tensor.read().shape) == tensor.shape
                tensor.rounding()
            except InspectError as error:
                refused.append(error)
        weights = ni.open_checkpoint(path)
        assert weights.contents.tensors.keys() == contents.tensors.keys()
    except InspectError as error:
        refused.append(error)
    messages = [str(error) for error in refused]
    for message in messages:
        assert message.isprintable(), message
        assert len(message) < 2500
        assert str(path.parent) in message, f"does not name the file: {message}"
        assert "allocate" not in message, message
    return messages


def check(good: Seed, changed: dict[str, bytes], folder: Path) -> None:
    path = good.write(folder / "hostile", changed)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with guarded():
            read_everything(path)
    assert not (folder / CANARY).exists()


QUICK = settings(
    max_examples=FEW,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@QUICK
@given(data=st.data())
def test_a_few_hostile_files(
    data: st.DataObject, good: Seed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(good, data.draw(good.examples()), tmp_path_factory.getbasetemp())


@pytest.mark.slow
@settings(QUICK, max_examples=MANY, derandomize=False)
@given(data=st.data())
def test_thousands_of_hostile_files(
    data: st.DataObject, good: Seed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Other files at every run; `--hypothesis-seed` repeats one."""
    check(good, data.draw(good.examples()), tmp_path_factory.getbasetemp())
