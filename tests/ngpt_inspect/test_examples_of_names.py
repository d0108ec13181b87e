"""Every public name has an example, and what an example says is what comes out."""

from __future__ import annotations

import doctest
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trace_files
from models import tiny_gpt, tiny_ngpt, write_reference

import ngpt_inspect as ni

FINDER = doctest.DocTestFinder(recurse=False)


def examples_of(thing: object, name: str) -> list[doctest.DocTest]:
    return [found for found in FINDER.find(thing, name, module=False) if found.examples]


OWN = {name: examples_of(getattr(ni, name), name) for name in ni.__all__}
FACE = examples_of(ni, "ngpt_inspect")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs of two steps and a trace, where the examples look for them."""
    folder = tmp_path_factory.mktemp("examples")
    logged = {"train_loss": 4.0, "learning_rate": 0.01, "seconds": 1.0, "gradient_norm": 1.0}
    for name, model in (("gpt", tiny_gpt()), ("ngpt", tiny_ngpt())):
        for step in (100, 200):
            path = folder / f"runs/{name}/step-{step:06d}.safetensors"
            write_reference(model, path, step=step)
        lines = [
            logged | {"step": step, "tokens": 640 * step, "validation_loss": 5.0 - step / 100}
            for step in (100, 200)
        ]
        metrics = folder / f"runs/{name}/metrics.jsonl"
        metrics.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    trace_files.write(folder / "trace.safetensors")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.mark.parametrize("name", ni.__all__)
def test_every_public_name_has_an_example(name: str) -> None:
    face = [line for test in FACE for example in test.examples for line in [example.source]]
    assert OWN[name] or any(f"ni.{name}" in line for line in face), (
        f"give {name} an example in its docstring, or in that of the package"
    )


@pytest.mark.parametrize(
    "example",
    [*FACE, *(found for tests in OWN.values() for found in tests)],
    ids=lambda example: example.name,
)
def test_an_example_gives_what_it_says(example: doctest.DocTest, runs: Path) -> None:
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
