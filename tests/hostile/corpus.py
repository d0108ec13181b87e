"""Every kind of good checkpoint, damaged in every way its format allows."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path

from hypothesis import strategies as st

from hostile.damage import damaged_bytes, damaged_fields, damaged_json, numbers
from hostile.good import OPENED, Files, gguf_fields, good
from hostile.pickles import ATTACKS, BOMBS, damaged_pickle, programs, whole
from hostile.quantised import NF4, QUANTISED, quantised, weights

KINDS = {**OPENED, **dict.fromkeys(QUANTISED, "model.safetensors")}
"""What is opened of each kind of checkpoint there is; empty for the folder itself."""
DIRECTORY = {"flags": (8, 2), "method": (10, 2), "crc": (16, 4), "packed": (20, 4), "size": (24, 4)}
DIRECTORY |= {"name": (28, 2), "extra": (30, 2), "comment": (32, 2), "disk": (34, 2)}
DIRECTORY |= {"place": (42, 4)}
LOCAL = {"flags": (6, 2), "method": (8, 2), "packed": (18, 4), "size": (22, 4), "name": (26, 2)}
LOCAL |= {"extra": (28, 2)}
END = {"disk": (4, 2), "entries": (10, 2), "bytes": (12, 4), "place": (16, 4), "comment": (20, 2)}
RECORDS = ((b"PK\x01\x02", DIRECTORY), (b"PK\x03\x04", LOCAL), (b"PK\x05\x06", END))
"""Of a zip file: offset and width of the fields of each record (APPNOTE.TXT, 4.3)."""


def cases(kind: str) -> st.SearchStrategy[Files]:
    """Return damaged checkpoints of a kind of `KINDS`."""
    files = files_of(kind)
    ways = [_one_file(files, name) for name in files]
    if kind == "small floats":
        nf4 = damaged_json(NF4).map(lambda state: weights(kind, state))
        ways.append(nf4.map(lambda data: files | {"model.safetensors": data}))
    return st.one_of(*ways)


def files_of(kind: str) -> Files:
    """Return the good files of a kind of `KINDS`."""
    return quantised(kind) if kind in QUANTISED else good(kind)


def write(files: Files, folder: Path, name: str) -> Path:
    """Write the files into an emptied folder; return what is to be opened."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return folder / name


def _one_file(files: Files, name: str) -> st.SearchStrategy[Files]:
    return _damaged(name, files[name]).map(lambda data: {**files, name: data})


def _damaged(name: str, data: bytes) -> st.SearchStrategy[bytes]:
    """Return damaged files of the kind that a name tells."""
    ways = [damaged_bytes(data)]
    if name.endswith(".safetensors"):
        ways += [safetensors(data)] * 3
    elif name.endswith(".json"):
        ways += [damaged_json(json.loads(data)).map(_bytes)] * 3
    elif name.endswith((".pt", ".pth", ".bin")):
        ways += [archives(data)] * 4
    elif name == ".metadata":
        attacks = st.sampled_from(sorted((ATTACKS | BOMBS).values())).map(whole)
        ways += [damaged_pickle(data)] * 3 + [programs, attacks]
    elif name.endswith(".gguf"):
        ways += [damaged_fields(gguf_fields())] * 3
    return st.one_of(*ways)


@st.composite
def safetensors(draw: st.DrawFn, data: bytes) -> bytes:
    """Damage the header as JSON, keep the values, and tell its length, right or wrong."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for key, value in header.get("__metadata__", {}).items():
        if value.startswith("{") and draw(st.booleans()):
            header["__metadata__"][key] = draw(damaged_json(json.loads(value)))
            told = _bytes(json.dumps(header))
            return len(told).to_bytes(8, "little") + told + data[8 + length :]
    told = _bytes(draw(damaged_json(header)))
    n_bytes = draw(st.one_of(st.just(len(told)), st.just(len(told)), numbers)) % 2**64
    return n_bytes.to_bytes(8, "little") + told + data[8 + length :]


@st.composite
def archives(draw: st.DrawFn, data: bytes) -> bytes:
    """Damage the pickle, the entries, or the records of the zip file around them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    at = next(i for i, (name, _) in enumerate(entries) if name.endswith("data.pkl"))
    name, pickled = entries[at]
    attacks = sorted((ATTACKS | BOMBS).values())
    what = draw(st.sampled_from(("pickle", "pickle", "program", "attack", "entries", "records")))
    match what:
        case "pickle":
            entries[at] = name, draw(damaged_pickle(pickled))
        case "program":
            entries[at] = name, draw(programs)
        case "attack":
            entries[at] = name, whole(draw(st.sampled_from(attacks)), draw(st.sampled_from((2, 4))))
        case "entries":
            entries = draw(_other_entries(entries))
    compression = draw(
        st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    )
    out = _zipped(entries, compression)
    return draw(_other_records(out)) if what == "records" else out


@st.composite
def _other_entries(draw: st.DrawFn, entries: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Drop, repeat, rename, lengthen or cut one entry."""
    at = draw(st.integers(0, len(entries) - 1))
    name, data = entries[at]
    folder = name.partition("/")[0]
    names = ("../../x", "/etc/passwd", "a\\b", f"{folder}/data.pkl", f"{folder}/constants.pkl")
    other = draw(
        st.sampled_from(
            [
                [],
                [(name, data)] * 2,
                [(draw(st.sampled_from(names)), data)],
                [(name, data[: len(data) // 2])],
                [(name, bytes(2**20))],
                [(name, b"")],
                [(name.replace(folder, "other"), data)],
            ]
        )
    )
    return [*entries[:at], *other, *entries[at + 1 :]]


@st.composite
def _other_records(draw: st.DrawFn, data: bytes) -> bytes:
    """Let one or two fields of the zip file's own records say something else."""
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 2))):
        mark, fields = draw(st.sampled_from(RECORDS))
        starts = [i for i in range(len(out)) if out.startswith(mark, i)]
        start = draw(st.sampled_from(starts))
        offset, width = fields[draw(st.sampled_from(sorted(fields)))]
        value = draw(st.one_of(numbers, st.integers(0, len(out)))) % 2 ** (8 * width)
        out[start + offset : start + offset + width] = value.to_bytes(width, "little")
    return bytes(out)


def _zipped(entries: list[tuple[str, bytes]], compression: int) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
