"""Pickles that would run code, exhaust memory or never end, were they loaded."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from formats_helpers import (
    Call,
    beside_weights,
    pickle_with_storages,
    refusal,
    stored_tensor,
    write_pickle,
)
from hostile.pickles import text

from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats.pickles import inert_pickle

REFUSED = (
    "its pickle is refused: it calls {} when loaded, which could run any code; if you trust it"
)
MANY = 50_000
"""Instructions of a bomb."""
DAMAGED = "its pickle is refused: it is damaged ("


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("place", ["model", "config", "bare"])
def test_a_call_of_os_system_is_refused_and_never_made(
    protocol: int, place: str, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    evil = Call(os.system, f"touch {marker}")
    value = evil if place == "bare" else {place: {"w": evil}}
    data = pickle.dumps(value, protocol)
    pickle.loads(data)
    assert marker.exists(), "the pickle does what it should, were it loaded"
    marker.unlink()
    message = refusal(write_pickle(tmp_path / "w.pt", data))
    assert REFUSED.format(f"{os.system.__module__}.system") in message
    assert not marker.exists()


@pytest.mark.parametrize("function", [eval, exec, getattr, __import__, bytearray])
def test_builtins_are_not_called(function: Any, tmp_path: Path) -> None:
    data = pickle.dumps({"w": Call(function, "1")}, 4)
    said = REFUSED.format(f"builtins.{function.__name__}")
    assert said in refusal(write_pickle(tmp_path / "w.pt", data))


def test_a_state_that_would_replace_setstate_is_only_data(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    evil = (
        text("config")
        + b"cargparse\nNamespace\n)\x81}"  # an object of a harmless class,
        + text("__setstate__")
        + b"cos\nsystem\nsb"  # given os.system to set its state,
        + text(f"touch {marker}")
        + b"b"  # then a state
    )
    contents = read_contents(write_pickle(tmp_path / "w.pt", beside_weights(evil), _0=bytes(4)))
    assert contents.tensors["w"].read().tolist() == [0]
    assert contents.config == {"config": "argparse.Namespace"}
    assert not marker.exists()


INSTRUCTIONS = {
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"(cos\nsystem\no.",
    "EXT1": b"\x82\x01.",
    "PERSID": b"Pspam\n.",
    "DUP": b"\x80\x02N2.",
    "INT": b"I1\n.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
}


FAULTY = {
    "empty": (b"", "it ends before its last instruction"),
    "no end": (b"\x80\x02}", "it ends before its last instruction"),
    "nothing left": (b"\x80\x02.", "not enough values"),
    "pop of nothing": (b"\x80\x020.", "pop from empty list"),
    "no mark": (b"\x80\x02u.", "pop from empty list"),
    "odd items": (b"\x80\x02}(Nu.", "zip() argument 2 is shorter"),
    "memo": (b"\x80\x02h\x05.", "5"),
    "call of a number": (b"\x80\x02K\x01)R.", "a int where a Global belongs"),
    "state of nothing": (b"\x80\x02Nb.", "list index out of range"),
    "list as a key": (b"\x80\x02}]Ns.", "a list as a key"),
    "huge integer as a key": (b"\x80\x02}\x8a\x10" + b"\x11" * 16 + b"Ns.", "a huge integer as"),
    "long tuple as a key": (b"\x80\x02}(" + b"N" * 17 + b"tNs.", "a tuple of 17 items as a key"),
    "text of 2**63 bytes": (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7fabc.", "expected"),
    "bytes of 2**40": (b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"abc.", "expected"),
    "half a name": (b"\x80\x02cos\nsys", "it ends within a name"),
    "unknown instruction": (b"\x80\x02\xff.", "no instruction has the code b'\\xff'"),
    "not a storage": (b"\x80\x02NQ.", "not a storage"),
}


REFUSALS = {
    **{name: (data, f"{DAMAGED}{detail}") for name, (data, detail) in FAULTY.items()},
    **{
        name: (data, f"it uses the instruction {name}, which weights never need")
        for name, data in INSTRUCTIONS.items()
    },
    "a protocol of the future": (b"\x80\x06N.", "it is of pickle protocol 6"),
    "very many arguments": (
        b"\x80\x02cpathlib\nPosixPath\n(" + b"N" * 65 + b"tR.",
        "it is damaged (65 arguments to pathlib.PosixPath)",
    ),
    # Python's own tools would decode the escape, and warn of it.
    "a name as it is written": (b"\x80\x02cos\n\\x\\.\n)R.", REFUSED.format(r"os.\x\.")),
    "a tensor rebuilt by a function of the file's choice": (
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nN(" + text("ls") + b"tNtR.",
        REFUSED.format("os.system"),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_pickle_that_no_weights_need_is_refused(name: str, tmp_path: Path) -> None:
    data, expected = REFUSALS[name]
    assert expected in refusal(write_pickle(tmp_path / "w.pt", data))


OUTSIDE = "tensor 'w' reaches beyond its storage of 16 bytes"
IMPOSSIBLE = "a tensor with impossible sizes"
TENSORS = {
    "shape": (stored_tensor(4, (5,), (1,)), OUTSIDE),
    "offset": (stored_tensor(4, (2,), (1,), 3), OUTSIDE),
    "stride": (stored_tensor(4, (2,), (4,)), OUTSIDE),
    "offset of nothing": (stored_tensor(4, (0,), (1,), 5), OUTSIDE),
    "huge": (stored_tensor(4, (2**62, 2**62), (2**62, 1)), OUTSIDE),
    "storage": (stored_tensor(8, (2,), (1,)), "its storage '0' has 16 bytes, not 8 items of F32"),
    "negative shape": (stored_tensor(4, (-1,), (1,)), IMPOSSIBLE),
    "negative stride": (stored_tensor(4, (2,), (-1,), 3), IMPOSSIBLE),
    "negative offset": (stored_tensor(4, (2,), (1,), -1), IMPOSSIBLE),
    "beyond 64 bits": (stored_tensor(4, (2**63,), (1,)), IMPOSSIBLE),
    "storage beyond 64 bits": (stored_tensor(10**5000, (2,), (1,)), "damaged (not a storage)"),
    "fractional": (stored_tensor(4, (1.5,), (1,)), IMPOSSIBLE),
    "more strides than axes": (stored_tensor(4, (2,), (1, 1)), IMPOSSIBLE),
    "axes": (stored_tensor(4, (1,) * 65, (1,) * 65), IMPOSSIBLE),
    "repeated": (stored_tensor(4, (5,), (0,)), "repeats 16 stored bytes to fill shape [5]"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_outside_its_storage(name: str, tmp_path: Path) -> None:
    value, expected = TENSORS[name]
    data = pickle_with_storages({"w": value})
    assert expected in refusal(write_pickle(tmp_path / "w.pt", data, _0=bytes(16)))


def test_a_storage_that_is_not_there(tmp_path: Path) -> None:
    data = pickle_with_storages({"w": stored_tensor(4, (4,))})
    message = refusal(write_pickle(tmp_path / "w.pt", data, _1=bytes(16)))
    assert "has no entry 'archive/data/0'" in message


@pytest.mark.parametrize("key", ["../../secret", "0\x1b[2J"])
def test_a_storage_key_is_only_ever_an_entry_name(key: str, tmp_path: Path) -> None:
    value = {"w": stored_tensor(4, (4,), key=key)}
    message = refusal(write_pickle(tmp_path / "w.pt", pickle_with_storages(value)))
    assert "has no entry 'archive/data/" in message


def laughs() -> bytes:
    """Return lists of ten of the list before: 10**30 items, were they written out."""
    level = b"](" + b"h\x00" * 10 + b"eq\x00"
    return b"\x80\x02]q\x00" + b"0" + b"0".join([level] * 30) + b"."


NO_TENSORS = "holds no tensors by name"
BOMBS = {
    "deep": (b"\x80\x02" + b"]" * MANY + b"a" * (MANY - 1) + b".", NO_TENSORS),
    "laughs": (laughs(), NO_TENSORS),
    "memo of 2**31": (b"\x80\x02]r\xff\xff\xff\x7f.", NO_TENSORS),
    "cycle": (b"\x80\x02]q\x00h\x00a.", NO_TENSORS),
    "marks": (b"\x80\x02" + b"(" * MANY + b".", "not enough values"),
    "deep key": (b"\x80\x02}N" + b"\x85" * MANY + b"Ns.", "a tuple as a key"),
    "sets of one large list": (
        b"\x80\x02](" + b"N" * MANY + b"eq\x000("
        b"c__builtin__\nset\nq\x01" + b"h\x01h\x00\x85R" * MANY + b"t.",
        NO_TENSORS,
    ),
    "one text encoded again and again": (
        (b"\x80\x02X" + (10**6).to_bytes(4, "little") + b"x" * 10**6 + b"q\x000")
        + (b"X\x06\x00\x00\x00latin1q\x010c_codecs\nencode\nq\x020(")
        + (b"h\x02h\x00h\x01\x86R" * MANY + b"t."),
        NO_TENSORS,
    ),
}
COSTLY = ("sets of one large list", "one text encoded again and again")
"""To see through: they hold much that is read again and again."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in COSTLY)) for name in BOMBS]
)
def test_a_bomb_costs_little(name: str, tmp_path: Path) -> None:
    data, expected = BOMBS[name]
    path = write_pickle(tmp_path / "w.pt", data)
    tracemalloc.start()
    assert expected in refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6


def test_a_bomb_beside_good_weights_is_left_out(tmp_path: Path) -> None:
    data = beside_weights(text("deep") + b"]" * 1000 + b"a" * 999)
    contents = read_contents(write_pickle(tmp_path / "w.pt", data, _0=bytes(4)))
    assert contents.config == {"left_out": {"deep": "a list of length 1"}}


def test_a_pickle_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inert_pickle, "MOST_INSTRUCTIONS", 1000)
    data = b"\x80\x02" + b"N0" * 1000 + b"N."
    assert "it has more than 1000 instructions" in refusal(write_pickle(tmp_path / "w.pt", data))


def test_an_endless_object_as_a_key_is_never_printed(tmp_path: Path) -> None:
    endless = b"cargparse\nNamespace\n)\x81q\x00}X\x01\x00\x00\x00ah\x00sb"  # its own attribute
    data = beside_weights(endless + b"\x85K\x01")
    contents = read_contents(write_pickle(tmp_path / "w.pt", data, _0=bytes(4)))
    assert contents.config == {"(<argparse.Namespace>,)": 1}
