from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from formats_helpers import counted_reads, refusal, write_archive
from safetensors.torch import save_file

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats import FORMATS, read_contents


def weights(path: Path, value: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"w": torch.full((2,), value)}, path)
    return path


def test_every_format_is_found() -> None:
    assert set(FORMATS) == {
        *("safetensors", "sharded safetensors", "torch", "sharded torch", "gguf"),
        *("distributed", "deepspeed", "model parallel"),
    }
    assert all(known.summary for known in FORMATS.values())


def test_a_missing_path_names_what_is_like_it(tmp_path: Path) -> None:
    weights(tmp_path / "model.safetensors")
    message = refusal(tmp_path / "modle.safetensors")
    assert message.endswith("there is no such file or folder; did you mean model.safetensors?")
    message = refusal(tmp_path / "runs" / "ngpt" / "model.safetensors")
    said = f"there is no such file or folder; {tmp_path} exists: look there"
    assert message == f"{tmp_path / 'runs'}: {said}"
    message = refusal(tmp_path / "model.safetensors" / "w")
    assert "there is no such file or folder" in message


def test_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "ckpt.pt").symlink_to("blobs/gone")
    assert "is a link to blobs/gone, which does not exist" in refusal(tmp_path / "ckpt.pt")


def test_a_link_keeps_its_name(tmp_path: Path) -> None:
    target = weights(tmp_path / "blobs" / "0123abcd")
    link = tmp_path / "step-000007.safetensors"
    link.symlink_to(target)
    assert read_contents(link).source == str(link)


def test_what_is_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    assert "is neither a file nor a folder" in refusal(tmp_path / "model.safetensors")
    assert "is neither a file nor a folder" in refusal(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights(tmp_path / "model.safetensors")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UnreadableFile, match=r"cannot be read \(Permission denied\)"):
        read_contents(path)


CONVERT = "not supported here; convert it to safetensors"
FOREIGN = {
    "empty": (b"", "is empty; copy or download it again"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n",
        "is a Git LFS pointer, not the file itself; run 'git lfs pull' in its repository",
    ),
    "html": (b"\n<!DOCTYPE html><html>...", "is a web page, not a checkpoint; the download went"),
    "html without doctype": (b"<HTML><head>", "is a web page, not a checkpoint"),
    "xml": (b'<?xml version="1.0"?><Error>', "is an XML answer of a server"),
    "hdf5": (b"\x89HDF\r\n\x1a\n\0\0", f"is an HDF5 (Keras .h5) file; {CONVERT}"),
    "npy": (b"\x93NUMPY\x01\0", f"is a NumPy .npy array; {CONVERT}"),
    "gzip": (gzip.compress(b"weights"), "is compressed with gzip; unpack it first"),
    "zstd": (b"\x28\xb5\x2f\xfd\0\0", "is compressed with zstd; unpack it first"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "is an empty zip archive"),
    "bare pickle": (b"\x80\x04\x95\0\0", "is a bare Python pickle, which can run any code"),
    "unknown": (b"\x07" * 100, "its first bytes are of no checkpoint format"),
    "short": (b"abc", "its first bytes are of no checkpoint format"),
    "text": (b"Entry not found", "its first bytes are of no checkpoint format"),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("name", FOREIGN)
def test_files_that_are_no_checkpoint_are_told_apart(
    name: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"model{suffix}"
    data, expected = FOREIGN[name]
    path.write_bytes(data)
    assert expected in refusal(path)
    assert expected in refusal(tmp_path)


def test_a_legacy_torch_file(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    message = refusal(path)
    assert "is a torch file of the format before 1.6" in message
    assert "re-save it with torch.save on torch >= 1.6" in message


def test_a_numpy_archive_and_another_zip(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", w=np.ones(2))
    write_archive(tmp_path / "x.pt", {"a.txt": b"a"})
    for name, said in {
        "w.npz": "is a NumPy .npz archive, not a file of torch.save (it holds w.npy)",
        "x.pt": "is a zip file, not a file of torch.save (it holds archive/a.txt)",
    }.items():
        assert said in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.onnx", f"is an ONNX model; {CONVERT}"),
        ("__0_0.distcp", "is one part of a PyTorch distributed checkpoint; name its folder"),
        ("config.json", "is a settings file; name the weights beside it, or their folder"),
    ],
)
def test_files_known_by_name(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x08\x07\x12\x07")
    assert expected in refusal(tmp_path / name)


def test_an_empty_folder_and_one_without_a_checkpoint(tmp_path: Path) -> None:
    assert "is an empty folder; name a checkpoint file" in refusal(tmp_path)
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "optimizer.pt").write_bytes(b"x")
    message = refusal(tmp_path)
    assert "holds no checkpoint; looked for *.safetensors, *.safetensors.index.json" in message
    assert "and found README.md, optimizer.pt; name a checkpoint" in message


def test_a_folder_of_runs_names_them(tmp_path: Path) -> None:
    for run in ("gpt", "ngpt"):
        weights(tmp_path / run / "step-000001.safetensors")
    said = "holds no checkpoint itself, but folders that do: gpt, ngpt; say `ngpt-inspect"
    assert said in refusal(tmp_path)


def test_several_checkpoints_of_which_none_comes_first(tmp_path: Path) -> None:
    for name in ("a", "b"):
        weights(tmp_path / f"{name}.safetensors")
    message = refusal(tmp_path)
    assert "holds 2 checkpoints, and none has the usual name: a.safetensors, b.safe" in message
    assert message.endswith(f"or `ngpt-inspect summary {tmp_path}/b.safetensors`")
    many = tmp_path / "many"
    for number in range(20):
        weights(many / f"w{number:02}.safetensors")
    assert "w07.safetensors and 12 more;" in refusal(many)


def test_what_a_folder_means(tmp_path: Path) -> None:
    """Each file added comes before all those added earlier."""
    order = [
        *("only.pth", "ckpt.pt", "pytorch_model.bin", "only.safetensors", "model.safetensors"),
        *("step-000090.safetensors", "step-000100.safetensors"),
    ]
    (tmp_path / "optimizer.pt").write_bytes(b"not a model")
    for number, name in enumerate(order):
        path = tmp_path / name
        if path.suffix == ".safetensors":
            weights(path, number)
        else:
            torch.save({"w": torch.full((2,), float(number))}, path)
        contents = read_contents(tmp_path)
        assert contents.source == str(path)
        assert contents.tensors["w"].read().tolist() == [number, number]
    index = {"weight_map": {"w": "only.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert read_contents(tmp_path).format == "sharded safetensors"


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_settings_beside_the_weights(name: str, tmp_path: Path) -> None:
    weights(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"n_head": 12}')
    (tmp_path / "model_config.json").write_text('{"n_layer": 2}')
    contents = read_contents(tmp_path / name)
    assert contents.config == {"config": {"n_head": 12}, "model_config": {"n_layer": 2}}


def test_what_litgpt_keeps_beside_the_weights(tmp_path: Path) -> None:
    weights(tmp_path / "model.safetensors")
    text = "bias: false\nn_head: 12\nnorm_eps: 1e-05\nhf_config:\n  n_head: 7\nname: x\n"
    (tmp_path / "model_config.yaml").write_text(text)
    contents = read_contents(tmp_path)
    said = {"bias": False, "n_head": 12, "norm_eps": 1e-5, "name": "x"}
    assert contents.config == {"litgpt": said}
    assert contents.find("n_head") == (12, "litgpt.n_head")


def test_settings_of_the_checkpoint_come_before_those_beside_it(tmp_path: Path) -> None:
    torch.save({"model": {"w": torch.ones(2)}, "config": {"n_head": 3}}, tmp_path / "ckpt.pt")
    (tmp_path / "config.json").write_text('{"n_head": 12, "n_layer": 2}')
    contents = read_contents(tmp_path)
    assert contents.config["config"] == {"n_head": 3}
    assert contents.find("n_head") == (3, "config.n_head")
    assert contents.find("n_layer") == (2, "config_json.n_layer")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{", "it is not valid JSON"),
        (b"[]", "it is not a JSON object"),
        (b"\xff", "it is not valid JSON"),
    ],
)
def test_broken_settings_are_named(text: bytes, expected: str, tmp_path: Path) -> None:
    weights(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(text)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'config.json'}: {expected}")
    assert message.endswith("repair it, or move it elsewhere")


def test_listing_never_imports_torch(tmp_path: Path) -> None:
    weights(tmp_path / "a" / "model.safetensors")
    torch.save({"model": {"w": torch.ones(2)}}, tmp_path / "b.pt")
    program = """
import sys
from pathlib import Path
from ngpt_inspect.formats import read_contents
for path in sys.argv[1:]:
    assert [tensor.n_values for tensor in read_contents(Path(path)).tensors.values()] == [2]
assert "torch" not in sys.modules
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a"), str(tmp_path / "b.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_listing_a_large_file_reads_its_header_and_a_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**31], "data_offsets": [0, 2**33]}})
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header.encode())
        file.truncate(8 + len(header) + 2**33)  # sparse: 8 GiB of zeros
    read = counted_reads(monkeypatch)
    contents = read_contents(path)
    assert sum(read) == 64 + 8 + len(header)
    assert contents.tensors["w"].read(2**31 - 2, 2**31).tolist() == [0, 0]
    assert len(contents.fingerprint) == 64
