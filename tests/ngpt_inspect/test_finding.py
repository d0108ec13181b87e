"""What can be opened below a folder, and nothing outside of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from models import tiny_gpt, write_gpt2, write_nvidia, write_reference

from ngpt_inspect.finding import found_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "root"
    for step in (1, 2):
        write_reference(tiny_gpt(), top / f"runs/a/step-{step:06d}.safetensors", step=step)
    (top / "runs/a/resume.pt").write_bytes(b"PK\x03\x04")
    (top / "runs/young").mkdir()
    (top / "runs/young/metrics.jsonl").write_text("")
    write_gpt2(tiny_gpt(), top / "gpt2")
    write_reference(tiny_gpt(), top / "loose/one.safetensors")
    write_reference(tiny_gpt(), top / "loose/two.safetensors")
    (top / "loose/notes.txt").write_text("none of these")
    return top


def test_runs_model_folders_and_files(root: Path) -> None:
    found = found_below(root)
    assert found.paths == (
        "gpt2",
        "loose/one.safetensors",
        "loose/two.safetensors",
        "runs/a",
        "runs/young",
    )
    assert found.cut == ""


def test_a_root_that_is_a_run(root: Path) -> None:
    assert found_below(root / "runs/a").paths == (".",)


def test_a_folder_with_a_model_is_still_looked_into(root: Path) -> None:
    write_reference(tiny_gpt(), root / "runs/only.safetensors")
    assert set(found_below(root).paths) >= {"runs", "runs/a"}


def test_links_out_of_the_root_are_not_followed(root: Path, tmp_path: Path) -> None:
    outside = write_reference(tiny_gpt(), tmp_path / "secret/outside.safetensors")
    before = found_below(root).paths
    (root / "loose/link.safetensors").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "loop").symlink_to(root)
    (root / "loose/broken.safetensors").symlink_to(root / "nothing")
    assert found_below(root).paths == before
    (root / "loose/inside.safetensors").symlink_to(root / "loose/one.safetensors")
    assert set(found_below(root).paths) - set(before) == {"loose/inside.safetensors"}


def test_bounds_are_said(root: Path) -> None:
    assert found_below(root, depth=0).cut == "looked 0 folders deep"
    few = found_below(root, entries=4)
    assert "first 4 files and folders" in few.cut
    listed = found_below(root, most=2)
    assert listed.paths == ("gpt2", "loose/one.safetensors")
    assert listed.cut == "2 of 5 are listed"


def test_pipes_hidden_files_and_closed_folders_do_no_harm(root: Path) -> None:
    before = found_below(root).paths
    os.mkfifo(root / "pipe.safetensors")
    write_reference(tiny_gpt(), root / ".cache/hidden.safetensors")
    (root / "closed").mkdir(mode=0)
    assert found_below(root).paths == before


def test_torch_files(root: Path) -> None:
    write_nvidia(tiny_gpt(), root / "out/ckpt.pt")
    assert "out" in found_below(root).paths


def test_distributed_checkpoints_are_folders(root: Path) -> None:
    for folder in ("fsdp/step100", "olmo/base/model_and_optim"):
        (root / folder).mkdir(parents=True)
        (root / folder / ".metadata").write_bytes(b"\x80\x04")
        (root / folder / "__0_0.distcp").write_bytes(b"PK\x03\x04")
    found = found_below(root).paths
    assert "fsdp" in found, "a run of one step"
    assert "olmo/base" in found
    assert not [path for path in found if path.endswith(".distcp")]
