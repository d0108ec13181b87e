"""Parts of Meta's model parallelism are one model, or one line says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from formats_helpers import refusal

from ngpt_inspect.formats import files_of, read_contents

Tensors = dict[str, torch.Tensor]


def parts(folder: Path, *held: Tensors, suffix: str = ".pth") -> Path:
    for rank, tensors in enumerate(held):
        torch.save(tensors, folder / f"consolidated.{rank:02d}{suffix}")
    return folder


@pytest.mark.parametrize(
    ("name", "axis"),
    [("layers.0.attention.wo.weight", 1), ("layers.0.feed_forward.w2.weight", 1), ("w1.weight", 0)],
)
def test_any_rows_of_a_joined_matrix(name: str, axis: int, tmp_path: Path) -> None:
    whole = torch.randn(12, 9)
    cut = whole.chunk(3, axis)
    parts(tmp_path, *({name: piece.clone()} for piece in cut))
    tensor = read_contents(tmp_path).tensors[name]
    assert tensor.shape == (12, 9)
    assert torch.equal(tensor.read(), whole)
    for start, stop in ((0, 0), (0, 1), (3, 5), (2, 11), (11, 12), (12, 12)):
        assert torch.equal(tensor.read(start, stop), whole[start:stop])
    assert tensor.n_bytes == whole.nbytes
    assert tensor.fingerprint(4)


@pytest.mark.parametrize("named", ["", "consolidated.00.pth", "consolidated.02.pth"])
def test_any_part_stands_for_all(named: str, tmp_path: Path) -> None:
    parts(tmp_path, *[{"w1.weight": torch.ones(2, 3)}] * 3)
    contents = read_contents(tmp_path / named)
    assert contents.tensors["w1.weight"].shape == (6, 3)
    assert contents.source == str(tmp_path / "consolidated.00.pth")
    assert set(tmp_path.iterdir()) <= set(files_of(tmp_path / "consolidated.00.pth"))


def test_a_folder_of_nothing_but_originals(tmp_path: Path) -> None:
    (tmp_path / "original").mkdir()
    parts(tmp_path / "original", {"w1.weight": torch.ones(2, 3)})
    assert read_contents(tmp_path).tensors["w1.weight"].shape == (2, 3)


@pytest.mark.parametrize("number", ["00", "01"])
def test_a_part_that_is_missing(number: str, tmp_path: Path) -> None:
    parts(tmp_path, *[{"w1.weight": torch.ones(2, 3)}] * 3)
    (tmp_path / f"consolidated.{number}.pth").unlink()
    assert f"its part consolidated.{number}.pth is missing; copy" in refusal(tmp_path)


ONE = {"w1.weight": torch.ones(2, 3)}


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (ONE, {"w3.weight": torch.ones(2, 3)}, "holds other tensors than consolidated.00.pth"),
        (ONE, {"w1.weight": torch.ones(2, 4)}, "do not fit together: [2, 3] F32, [2, 4] F32"),
        (ONE, {"w1.weight": ONE["w1.weight"].half()}, "fit together: [2, 3] F32, [2, 3] F16"),
        (ONE, {"w1.weight": torch.ones(2)}, "do not fit together: [2, 3] F32, [2] F32"),
        ({"norm.weight": torch.ones(2)}, {"norm.weight": torch.ones(3)}, "do not fit together"),
    ],
)
def test_parts_of_several_models(one: Tensors, other: Tensors, said: str, tmp_path: Path) -> None:
    parts(tmp_path, one, other)
    assert said in refusal(tmp_path)
