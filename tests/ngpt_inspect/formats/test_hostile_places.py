"""What stands where a file should: links, pipes, devices, odd names; and the tests' own guard."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from formats_helpers import refusal, write_pickle
from hostile import guard, pickles
from hostile.corpus import KINDS, files_of, write

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError, UnknownArchitecture
from ngpt_inspect.formats import read_contents
from ngpt_inspect.tokens import token_texts


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Fail after a minute of any time: waiting for a pipe costs none of the processor's."""

    def late(_signal: int, _frame: object) -> None:
        raise guard.Hang("waits for ever")

    previous = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def allocate() -> None:
    torch.empty(2 * guard.ALLOWANCE, dtype=torch.uint8)


def spin() -> None:
    while True:
        pass


def connect() -> None:
    with socket.socket() as one:
        one.connect_ex(("127.0.0.1", 9))


CAUGHT = {
    "os.system": lambda: os.system("true"),
    "open for writing": lambda: Path(os.devnull).open("w").close(),
    "open: '/etc/passwd'": lambda: Path("/etc/passwd").read_bytes(),
    "socket.connect": connect,
    "exec": lambda: exec("1"),
    "pickle.find_class": lambda: pickle.loads(b"cos\ngetcwd\n."),
}


@pytest.mark.parametrize("event", CAUGHT)
def test_the_guard_sees(event: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=event), guard.guarded(tmp_path):
        CAUGHT[event]()


def test_the_guard_sees_what_a_read_starts_and_not_what_ran_before(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as earlier, ThreadPoolExecutor(1) as later:
        earlier.submit(int).result()
        with guard.guarded(tmp_path):
            earlier.submit(os.system, "true").result()
        with pytest.raises(AssertionError, match=r"os\.system"), guard.guarded(tmp_path):
            later.submit(os.system, "true").result()


def test_the_guard_limits_memory_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryError), guard.guarded(tmp_path):
        bytearray(2 * guard.ALLOWANCE)
    with pytest.raises(RuntimeError, match="alloc"), guard.guarded(tmp_path):
        allocate()
    monkeypatch.setattr(guard, "SECONDS", 0.1)
    with pytest.raises(guard.Hang), guard.guarded(tmp_path):
        spin()


@pytest.mark.parametrize("way", pickles.RUNS)
def test_the_attacks_work_where_nothing_stops_them(way: str) -> None:
    pickle.loads(pickles.whole(pickles.ATTACKS[f"{way} of os.system"]))
    assert pickles.CANARY.exists()
    pickles.CANARY.unlink()


def test_extensions_work_too(tmp_path: Path) -> None:
    with pickles.extension():
        for size in (1, 2, 4):
            pickle.loads(pickles.whole(pickles.ATTACKS[f"EXT{size}"]))
            assert pickles.CANARY.exists()
            pickles.CANARY.unlink()


@pytest.mark.parametrize("name", pickles.ATTACKS)
def test_no_attack_runs(name: str, tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "w.pt", pickles.whole(pickles.ATTACKS[name]))
    assert guard.refused(lambda: read_contents(path), tmp_path)
    assert not pickles.CANARY.exists()


def bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(here)


NO_FILES = {
    "loop": lambda path: path.symlink_to(path),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "pipe": os.mkfifo,
    "socket": bind,
    "folder": Path.mkdir,
}


@pytest.mark.parametrize("name", ["loop", "device", "pipe", "socket"])
def test_what_is_no_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    NO_FILES[name](path)
    assert "model.safetensors" in refusal(path)
    refusal(tmp_path)


@pytest.mark.parametrize("kind", ["sharded safetensors", "sharded torch", "distributed"])
@pytest.mark.parametrize("what", ["pipe", "device", "folder", "loop"])
def test_a_part_that_is_no_file(kind: str, what: str, tmp_path: Path) -> None:
    path = write(files_of(kind), tmp_path / "model", KINDS[kind])
    part = next(each for each in sorted((tmp_path / "model").iterdir()) if each.suffix != ".json")
    part = next((tmp_path / "model").glob("*.distcp")) if kind == "distributed" else part
    part.unlink()
    NO_FILES[what](part)
    assert "is missing" in refusal(path)


@pytest.mark.parametrize("name", ["config.json", "model_config.json", "tokenizer.json"])
def test_a_pipe_beside_a_model_is_not_waited_for(name: str, tmp_path: Path) -> None:
    path = write(files_of("safetensors"), tmp_path / "model", "model.safetensors")
    (tmp_path / "model" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "model" / name)
    assert read_contents(path).tensors
    assert len(token_texts(path)) == 0


def test_links_to_other_folders_are_followed_as_the_hub_s_cache_needs(tmp_path: Path) -> None:
    path = write(
        files_of("sharded safetensors"), tmp_path / "blobs", "model.safetensors.index.json"
    )
    (tmp_path / "snapshot").mkdir()
    for blob in (tmp_path / "blobs").iterdir():
        (tmp_path / "snapshot" / blob.name).symlink_to(blob)
    linked = read_contents(tmp_path / "snapshot").tensors
    assert linked.keys() == read_contents(path).tensors.keys()


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\u202etp", "x" * 250, "a b", "%s{0}"])
def test_odd_names_of_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.pt"
    path.write_bytes(b"PK\x03\x04 no zip file")
    assert "zip archive cannot be read" in refusal(path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800"])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(InspectError) as caught:
        read_contents(f"{tmp_path}/{name}")
    assert str(caught.value).isprintable()
    assert str(tmp_path) in str(caught.value)


def test_heads_that_do_not_divide_name_the_file(tmp_path: Path) -> None:
    config = json.loads(files_of("gptq")["config.json"])
    config |= {"num_attention_heads": 3, "num_key_value_heads": 3}
    files = files_of("gptq") | {"config.json": json.dumps(config).encode()}
    path = write(files, tmp_path / "model", "model.safetensors")
    with pytest.raises(UnknownArchitecture, match=r"model.safetensors: .*3 heads do not divide"):
        open_checkpoint(path, architecture="llama")
