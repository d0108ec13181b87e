"""Pickles that call what they name, through every instruction that can, and damaged good ones."""

from __future__ import annotations

import copyreg
import os
import pickletools
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

from hostile.damage import names, numbers

CANARY = Path(tempfile.gettempdir()) / f"ngpt-inspect-canary-{os.getpid()}"
"""What an attack that succeeds leaves behind."""
COMMAND = f"touch {CANARY}"
EXTENSION = 0x70
SYSTEM = os.system.__module__, "system"


def text(value: str) -> bytes:
    """Return the instruction for a text."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value: int) -> bytes:
    """Return the instruction for an integer of up to 255 bytes."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _calls(module: str, name: str, argument: str) -> dict[str, bytes]:
    """Return a call of one function by each instruction that calls."""
    function, told = _name(module, name), text(argument)
    namespace, listed = _name("argparse", "Namespace"), _name("builtins", "list")
    subclass = _name("torch._tensor", "_rebuild_from_type_v2")
    rebuilt = _name("copyreg", "_reconstructor")
    return {
        "REDUCE": function + told + b"\x85R",
        "STACK_GLOBAL": text(module) + text(name) + b"\x93" + told + b"\x85R",
        "INST": b"(" + told + f"i{module}\n{name}\n".encode(),
        "OBJ": b"(" + function + told + b"o",
        "NEWOBJ": function + told + b"\x85\x81",
        "NEWOBJ_EX": function + told + b"\x85}\x92",
        "memo": function + b"q\x070" + told + b"\x85q\x080h\x07h\x08R",
        "BUILD": namespace + b")\x81}" + text("__setstate__") + function + b"sb" + told + b"b",
        "partial": _name("functools", "partial") + function + told + b"\x86R)R",
        "map": listed + _name("builtins", "map") + function + told + b"\x85\x86R\x85R",
        "subclass": subclass + b"(" + function + b"N" + told + b"\x85NtR",
        "reconstructor": rebuilt + b"(" + function + function + told + b"tR",
    }


ATTACKS: dict[str, bytes] = {
    **{f"{way} of os.system": data for way, data in _calls(*SYSTEM, COMMAND).items()},
    **{
        f"{way} of {name}": data
        for module, name, argument in (
            ("builtins", "eval", f"__import__('os').system({COMMAND!r})"),
            ("__builtin__", "exec", f"import os; os.system({COMMAND!r})"),
            ("subprocess", "check_output", "true"),
            ("os", "system", COMMAND),
            ("webbrowser", "open", "http://127.0.0.1:9/"),
            ("builtins", "open", str(CANARY)),
            ("torch", "load", "/etc/passwd"),
            ("runpy", "run_path", "/etc/passwd"),
            ("importlib", "import_module", "antigravity"),
            ("builtins", "__import__", "antigravity"),
            ("socket", "create_connection", "127.0.0.1"),
        )
        for way, data in _calls(module, name, argument).items()
    },
    **{
        f"EXT{size}": code + EXTENSION.to_bytes(size, "little") + text(COMMAND) + b"\x85R"
        for size, code in ((1, b"\x82"), (2, b"\x83"), (4, b"\x84"))
    },
    "PERSID": b"Pos.system\n",
    "BINPERSID": text("os.system") + b"Q",
    "BINPERSID of a call": _name(*SYSTEM) + text(COMMAND) + b"\x86Q",
}
RUNS = ("REDUCE", "STACK_GLOBAL", "INST", "OBJ", "memo", "BUILD", "partial", "map")
"""The ways that Python's own unpickler follows to the end; the others fail inside it."""
BOMBS: dict[str, bytes] = {
    "laughs": b"]q\x00" + b"".join(b"0](" + b"h\x00" * 10 + b"eq\x00" for _ in range(30)),
    "deep": b"]" * 5000 + b"a" * 4999,
    "deep tuple": b"N" + b"\x85" * 5000,
    "deep key": b"}N" + b"\x85" * 5000 + b"Ns",
    "cycle": b"]q\x00h\x00a",
    "cyclic dict": b"}q\x00" + text("a") + b"h\x00s",
    "cyclic state": _name("argparse", "Namespace") + b")\x81q\x00}" + text("a") + b"h\x00sb",
    "far memo": b"]r\xff\xff\xff\x7f",
    "long text": b"\x8d" + struct.pack("<Q", 2**62) + b"x",
    "long bytes": b"\x8e" + struct.pack("<Q", 2**40) + b"x",
    "bytearray": b"\x96" + struct.pack("<Q", 2**40) + b"x",
    "long integer": b"\x8b" + struct.pack("<i", 4000) + b"\x7f" * 4000,
    "long integer as a key": b"}\x8b" + struct.pack("<i", 4000) + b"\x7f" * 4000 + b"Ns",
    "negative length": b"\x8b" + struct.pack("<i", -1),
    "marks": b"(" * 5000,
    "colliding keys": b"}" + b"".join(integer(i * (2**61 - 1)) + b"Ns" for i in range(300)),
    "sets": b"(" + _name("builtins", "set") + b"q\x01" + b"h\x01](NNNe\x85R" * 300 + b"t",
    "frame": b"\x95" + struct.pack("<Q", 2**63),
}


@contextmanager
def extension() -> Iterator[None]:
    """Make the instructions EXT1, EXT2 and EXT4 find os.system, as a program may have done."""
    copyreg.add_extension(*SYSTEM, EXTENSION)
    try:
        yield
    finally:
        copyreg.remove_extension(*SYSTEM, EXTENSION)


def whole(fragment: bytes, protocol: int = 4) -> bytes:
    """Return a fragment as a pickle of its own."""
    return bytes([0x80, protocol]) + fragment + b"."


def instructions(data: bytes) -> list[bytes]:
    """Cut a pickle into its instructions."""
    starts = [place for _, _, place in pickletools.genops(data) if place is not None]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


LITTLE = (
    *(b"N", b"\x88", b")", b"]", b"}", b"(", b"0", b"1", b"t", b"\x85", b"\x86", b"\x87", b"a"),
    *(b"e", b"s", b"u", b"R", b"\x81", b"b", b"Q", b"o", b"\x91", b"\x90", b"\x8f", b"\x93"),
    *(b"\x94", b"h\x00", b"h\x01", b"q\x00", b"K\x00", b"2", b".", b"\x82\x01", b"\x97"),
    *(b"\x98", b"I1\n", b"F1\n", b"S'a'\n"),
)
KNOWN = {
    "torch": ("FloatStorage", "float16", "Size", "device"),
    "torch._utils": ("_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"),
    **{"torch._tensor": ("_rebuild_from_type_v2",), "collections": ("OrderedDict",)},
    **{"builtins": ("set",), "_codecs": ("encode",)},
    **{"numpy.core.multiarray": ("scalar", "_reconstruct"), "numpy": ("dtype", "ndarray")},
    "pathlib": ("PosixPath",),
}
"""What pickles of weights name, by its module."""
fragments = st.one_of(
    st.sampled_from(LITTLE),
    numbers.map(integer),
    names.map(text),
    st.sampled_from(sorted(ATTACKS.values())),
    st.sampled_from(sorted(BOMBS.values())),
    st.sampled_from([_name(module, each) for module, names in KNOWN.items() for each in names]),
)


@st.composite
def damaged_pickle(draw: st.DrawFn, data: bytes) -> bytes:
    """Replace, insert, drop, repeat or swap whole instructions of a good pickle."""
    out = instructions(data)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 4)))):
        at = draw(st.integers(0, len(out) - 1))
        ways = ("replace", "literal", "literal", "insert", "drop", "repeat", "swap")
        match draw(st.sampled_from(ways)):
            case "replace":
                out[at] = draw(fragments)
            case "literal":
                literals = [i for i, each in enumerate(out) if each[:1] in b"KMJ\x8aX\x8c"]
                if literals:
                    at = draw(st.sampled_from(literals))
                    is_text = out[at][:1] in b"X\x8c"
                    out[at] = text(draw(names)) if is_text else integer(draw(numbers))
            case "insert":
                out.insert(at, draw(fragments))
            case "drop":
                out[at] = b""
            case "repeat":
                out[at] *= draw(st.sampled_from((2, 3, 100)))
            case "swap":
                other = draw(st.integers(0, len(out) - 1))
                out[at], out[other] = out[other], out[at]
    return b"".join(out)


programs = st.lists(fragments, max_size=20).map(lambda parts: whole(b"".join(parts)))
