"""Measures asked for together read once, and find what each finds alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import torch
from models import tiny_ngpt, write_reference
from pandas.testing import assert_frame_equal

import ngpt_inspect as ni
from ngpt_inspect.formats.safetensors_file import SafetensorsTensor
from ngpt_inspect.numerics import pairs, tiles
from ngpt_inspect.numerics.neighbours import Closest
from ngpt_inspect.numerics.pairs import all_pairs
from ngpt_inspect.numerics.pairwise import Dots


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each tensor is read."""
    counted: Counter[str] = Counter()
    for name in ("read", "array"):
        plain = getattr(SafetensorsTensor, name)

        def counting(self, *rows, plain=plain):
            counted[self.name] += 1
            return plain(self, *rows)

        monkeypatch.setattr(SafetensorsTensor, name, counting)
    return counted


def test_together_is_each_alone_and_reads_once(tmp_path: Path, reads: Counter[str]) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "x.safetensors")
    names = [name for name, each in ni.MEASURES.items() if not each.beside]
    alone = [pd.DataFrame(ni.measure(path, name)) for name in names]
    assert max(reads.values()) > 2
    reads.clear()
    together = pd.DataFrame(ni.measure(path, names))
    assert set(reads.values()) == {1}
    for frame in (together, *alone):
        frame.attrs = {}
    assert_frame_equal(together, pd.concat(alone, ignore_index=True), check_exact=True)


WANTS = (Dots(), Dots(normalize=True), Closest(0.5))


def cloud(count: int = 90, width: int = 6) -> torch.Tensor:
    x = torch.randn(count, width, generator=torch.Generator().manual_seed(5))
    x[::17] = 0
    return x


@pytest.mark.parametrize("power", [0, -130, 90], ids=["near 1", "tiny", "huge"])
def test_one_pass_finds_what_each_finds_alone(monkeypatch: pytest.MonkeyPatch, power: int) -> None:
    monkeypatch.setattr(tiles, "TILE_ROWS", 16)
    passes = Counter()
    plain = pairs.over_tiles

    def counting(*words):
        passes["passes"] += 1
        return plain(*words)

    monkeypatch.setattr(pairs, "over_tiles", counting)
    x = torch.ldexp(cloud(), torch.tensor(power))
    together = all_pairs(x, WANTS)
    assert passes["passes"] == 1
    for want in WANTS:
        alone = all_pairs(x, [want])[want]
        for name, value in vars(alone).items():
            assert str(getattr(together[want], name)) == str(value), name


def test_threads_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE_ROWS", 16)
    x = cloud()
    one = all_pairs(x, WANTS)
    torch.set_num_threads(3)
    try:
        three = all_pairs(x, WANTS)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)
    assert str(one) == str(three)


def test_rows_of_very_different_length_have_their_cosines() -> None:
    """Raw products in float32 hold none of the short ones."""
    x = cloud().double()
    x = torch.where(x == 0, 1.0, x).float()
    lengths = torch.ldexp(torch.ones(len(x)), -60 * (torch.arange(len(x)) % 2))
    usual, found = (all_pairs(each, WANTS) for each in (x, x * lengths[:, None]))
    eps = torch.finfo(torch.float32).eps
    nearest = [each[WANTS[2]].cosine_V for each in (usual, found)]
    assert float((nearest[0] - nearest[1]).abs().max()) <= 8 * eps
    off = abs(found[WANTS[1]].quantiles - usual[WANTS[1]].quantiles).max()
    assert off <= 2 * found[WANTS[1]].quantile_error + 8 * eps
