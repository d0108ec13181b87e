"""Declarations, tokenizers, metrics and traces that mean harm: read, or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import beside, corpus
from hostile.damage import damaged_bytes, damaged_json
from hostile.guard import refused
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.results import training_results
from ngpt_inspect.run_log import read_metrics
from ngpt_inspect.runs import METRICS
from ngpt_inspect.tokens import token_texts
from ngpt_inspect.traces import path, read_trace

LINES = [beside.LINE | {"step": step} for step in (1, 2, 3)]


def as_text(value: object) -> bytes:
    return json.dumps(value).encode()


def in_utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def with_spec(place: Path) -> None:
    checkpoint = open_checkpoint(place.parent / "model", spec=place)
    assert all(tuple(each.values().shape) == each.shape for each in checkpoint.weights)


def with_tokens(place: Path) -> None:
    texts = token_texts(place)
    assert all(text.isprintable() for text in texts.shown.values())
    assert texts.why_none.isprintable()
    assert texts.digest


def with_losses(place: Path) -> None:
    assert open_checkpoint(place.parent).weights
    assert len(read_metrics(place.parent)) >= 0
    training_results("losses", place.parent.parent)


READERS: dict[str, tuple[str, bytes, st.SearchStrategy[bytes], Callable[[Path], object]]] = {
    "spec": (
        "my.json",
        as_text(beside.SPEC),
        damaged_json(beside.SPEC).map(in_utf8),
        with_spec,
    ),
    "tokenizer": (
        "tokenizer.json",
        as_text(beside.TOKENIZER),
        damaged_json(beside.TOKENIZER).map(in_utf8),
        with_tokens,
    ),
    "metrics": (
        METRICS,
        b"".join(as_text(line) + b"\n" for line in LINES),
        st.lists(damaged_json(beside.LINE).map(in_utf8), min_size=1, max_size=3).map(b"\n".join),
        lambda place: read_metrics(place.parent),
    ),
    "trainer": (
        "trainer/checkpoint-2/trainer_state.json",
        as_text(beside.TRAINER),
        damaged_json(beside.TRAINER).map(in_utf8),
        with_losses,
    ),
    "trace": (
        "trace.safetensors",
        beside.trace(),
        corpus.safetensors(beside.trace()),
        lambda place: path([read_trace(place)]),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    (place / "trainer").mkdir()
    for name in ("model", "trainer/checkpoint-2"):
        corpus.write(corpus.files_of("safetensors"), place / name, "")
    return place


@pytest.mark.parametrize("examples", [20, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", READERS)
def test_damaged_files(kind: str, examples: int, folder: Path) -> None:
    """So many cases, always the same ones."""
    name, good, damaged, read = READERS[kind]
    (folder / name).write_bytes(good)
    read(folder / name)  # imports what reading imports

    @seed(examples)
    @settings(max_examples=examples)
    @given(st.one_of(damaged, damaged, damaged_bytes(good)))
    def check(data: bytes) -> None:
        (folder / name).write_bytes(data)
        refused(lambda: read(folder / name), folder)

    check()


EXPRESSIONS = (
    *("9**9**9**9", "2**(2**40)", "1/0", "0**-1", "10**400", "1e999", "-1", "x", "", "(" * 5000),
    *("-" * 5000 + "1", "1+" * 5000 + "1", "__import__('os')", "d_model.real", "[1]*9", "1 if 1"),
    *("1/(d_model-16)", "d_model//n_layers", "(1-d_model)**0.5", "10**d_model**9", "1/layer"),
    *("d_model if d_model else 1", "'a'*9**9", "lambda: 1", "1e308*10", "(-1)**0.5", "9" * 5000),
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("place", ["shape", "factor", "rows", "assumed"])
def test_arithmetic_that_means_harm(expression: str, place: str, folder: Path) -> None:
    spec = json.loads(json.dumps(beside.SPEC))
    if place == "assumed":
        spec["constants"][0]["assumed"] = expression
    else:
        spec["rules"][-1][place] = [expression, "2"] if place == "rows" else expression
    (folder / "my.json").write_bytes(as_text(spec))
    refused(lambda: with_spec(folder / "my.json"), folder)
