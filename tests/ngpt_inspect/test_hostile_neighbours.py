"""Hostile files beside a checkpoint: declarations, tokenizers, metrics and traces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trace_files
from guard import guarded
from hostile_files import CANARY, JSON, METADATA, RAW, SAFETENSORS, Damage, llama
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.architectures import ARCHITECTURES, as_spec
from ngpt_inspect.errors import InspectError
from ngpt_inspect.run_status import run_status
from ngpt_inspect.tokens.texts import token_texts

METRICS = [
    {"step": i, "tokens": 9 * i, "train_loss": 3.5, "val_loss": None, "seconds": 0.5}
    for i in range(1, 4)
]
TOKENIZER = {
    "model": {"type": "BPE", "vocab": {"a": 0, "Ġb": 1, "<0x0A>": 2}},
    "added_tokens": [{"id": 3, "content": "<s>", "special": True}],
    "decoder": {"type": "Sequence", "decoders": [{"type": "ByteLevel"}, {"type": "Metaspace"}]},
}


def by_line(damage: Damage) -> Damage:
    """Damage one line of several."""

    def change(data: bytes) -> bytes:
        first, *rest = data.split(b"\n")
        return b"\n".join((damage(first), *rest))

    return change


def read_spec(path: Path) -> None:
    ni.open_checkpoint(path.parent / "model.safetensors", spec=path)


def read_tokens(path: Path) -> None:
    texts = token_texts(path.parent / "model.safetensors")
    assert all(text.isprintable() for text in texts.shown.values())
    assert texts.why_none or len(texts) > 0
    texts.find("a b")


def read_metrics(path: Path) -> None:
    run_status(path.parent)
    ni.training_results("loss_curves", path.parent)


READERS: dict[str, tuple[Callable[[Path], None], st.SearchStrategy[Damage]]] = {
    "spec.json": (read_spec, JSON),
    "tokenizer.json": (read_tokens, JSON),
    "metrics.jsonl": (read_metrics, RAW | JSON.map(by_line)),
    "trace.safetensors": (ni.path, SAFETENSORS | METADATA),
}
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which all of them are good; what reads them is imported after it."""
    at = tmp_path_factory.mktemp("neighbours") / "run"
    at.mkdir()
    save_file(llama(), at / "model.safetensors")
    (at / "spec.json").write_text(json.dumps(as_spec(ARCHITECTURES["llama"])))
    (at / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (at / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in METRICS))
    trace_files.write(at / "trace.safetensors")
    for name, (read, _) in READERS.items():
        read(at / name)
    return at


def check(name: str, damage: Damage, folder: Path) -> None:
    read, _ = READERS[name]
    path = folder / name
    good = path.read_bytes()
    path.write_bytes(damage(good))
    refused = ""
    try:
        with pytest.MonkeyPatch.context() as patch, guarded():
            patch.chdir(folder)
            read(path)
    except InspectError as error:
        refused = str(error)
    finally:
        path.write_bytes(good)
    assert refused.isprintable()
    assert not refused or str(folder) in refused, f"does not name the file: {refused}"
    assert not (folder / CANARY).exists()


@pytest.mark.parametrize("name", READERS)
@QUICK
@given(data=st.data())
def test_a_few_hostile_neighbours(name: str, data: st.DataObject, folder: Path) -> None:
    check(name, data.draw(READERS[name][1]), folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@settings(QUICK, max_examples=3000, derandomize=False)
@given(data=st.data())
def test_thousands_of_hostile_neighbours(name: str, data: st.DataObject, folder: Path) -> None:
    """Other files at every run; `--hypothesis-seed` repeats one."""
    check(name, data.draw(READERS[name][1]), folder)
