"""Every format, damaged in every way: values, or one line that names the file; nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import corpus, pickles
from hostile.corpus import KINDS
from hostile.good import OPENED, Files
from hostile.guard import checked, refused
from hypothesis import given, seed, settings

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats import read_contents

pytest.importorskip("gguf")
EXAMPLES, MANY = 20, 1000
SEEDS = (1, 2, 3)
PEAK = 8 * 2**20
"""Bytes that Python and NumPy may hold at once; compressed entries come in pieces of one MiB."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder for one case after another, with all that reads them imported."""
    place = tmp_path_factory.mktemp("hostile")
    for kind, name in KINDS.items():
        read_everything(corpus.write(corpus.files_of(kind), place, name), place)
    with pickles.extension():
        yield place


def read_everything(path: Path, folder: Path) -> None:
    """Read every tensor as it is stored, and every weight as the model has it."""
    for tensor in read_contents(path).tensors.values():
        try:
            assert tuple(tensor.read().shape) == tensor.shape
        except InspectError as error:
            checked(str(error), folder)
    for weight in open_checkpoint(path).weights:
        try:
            assert tuple(weight.values().shape) == weight.shape
        except InspectError as error:
            checked(str(error), None)


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_files_are_good(kind: str, folder: Path) -> None:
    path = corpus.write(corpus.files_of(kind), folder, KINDS[kind])
    assert refused(lambda: read_everything(path, folder), folder) == ""
    assert len(open_checkpoint(path).weights) >= 10


@pytest.mark.parametrize(
    ("examples", "number"),
    [(EXAMPLES, 0), *(pytest.param(MANY, each, marks=pytest.mark.slow) for each in SEEDS)],
)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(kind: str, examples: int, number: int, folder: Path) -> None:
    """So many cases, always the same ones for a number."""

    @seed(number)
    @settings(max_examples=examples)
    @given(corpus.cases(kind))
    def check(files: Files) -> None:
        path = corpus.write(files, folder, KINDS[kind])
        refused(lambda: read_everything(path, folder), folder)
        assert not pickles.CANARY.exists()

    check()


@pytest.mark.parametrize("kind", OPENED)
def test_what_is_allocated_follows_what_is_there(kind: str, folder: Path) -> None:
    """Sizes that a file of some kilobytes declares are not set aside for it."""

    @seed(3)
    @settings(max_examples=10)
    @given(corpus.cases(kind))
    def check(files: Files) -> None:
        path = corpus.write(files, folder, KINDS[kind])
        tracemalloc.start()
        try:
            read_everything(path, folder)
        except InspectError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < PEAK

    check()
