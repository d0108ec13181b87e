"""Weights cut out of fused, transposed and interleaved tensors, and what is read for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from models import tiny_gpt, tiny_ngpt, write_llama, write_reference

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import MissingRole
from ngpt_inspect.stored import StoredTensor
from ngpt_inspect.vocabulary import MatrixAxis, Role
from ngpt_inspect.weights import Part, Weight


@dataclass(frozen=True, kw_only=True)
class Held(StoredTensor):
    """A tensor in memory that notes which rows were asked for."""

    held: torch.Tensor
    asked: list[tuple[int, int | None]] = field(default_factory=list)

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        self.asked.append((start, stop))
        return self.held[start:stop].clone()


def weight_of(values: torch.Tensor, **facts: object) -> Weight:
    shape = tuple(values.shape)
    held = Held(name="t", shape=shape, dtype="F32", location=("", 0), held=values)
    return Weight(**({"role": Role.W_U, "layer": 0, "tensor": held, "shape": shape} | facts))


def test_a_part_reads_only_its_rows() -> None:
    fused = torch.arange(24.0).reshape(6, 4)
    weight = weight_of(fused, part=Part(start=2, stop=5), shape=(3, 4))
    assert torch.equal(weight.values(), fused[2:5])
    assert weight.tensor.asked == [(2, 5)]
    assert weight.source == "t[2:5]"


def test_interleaved_heads() -> None:
    """Each of two heads holds a row of q, of k and of v: rows 0 and 3 are q's."""
    fused = torch.arange(24.0).reshape(6, 4)
    for place, rows in enumerate(([0, 3], [1, 4], [2, 5])):
        part = Part(start=place, stop=place + 1, groups=2)
        weight = weight_of(fused, part=part, shape=(2, 4))
        assert torch.equal(weight.values(), fused[rows])
    assert weight.source == "t[2:3 of each of 2 groups]"


def test_effective_values_are_float64_and_only_alpha_loses_its_sign() -> None:
    stored = torch.tensor([0.1, -0.2], dtype=torch.float32)
    alpha = weight_of(stored, factor=0.4, absolute=True).values()
    assert alpha.dtype == torch.float64
    assert torch.equal(alpha, (stored.double() * 0.4).abs())
    assert torch.equal(weight_of(stored, factor=0.4).values(), stored.double() * 0.4)
    assert weight_of(stored).values().dtype == torch.float32, "as stored where nothing is scaled"


def test_heads_are_row_blocks_of_readers_and_column_blocks_of_w_o() -> None:
    values = torch.arange(24.0).reshape(4, 6)
    rows = weight_of(values, role=Role.W_K, n_blocks=2).heads(values)
    assert [h.tolist() for h in rows] == [values[:2].tolist(), values[2:].tolist()]
    columns = weight_of(values, role=Role.W_O, n_blocks=3).heads(values)
    assert [h.tolist() for h in columns] == [values[:, i : i + 2].tolist() for i in (0, 2, 4)]
    assert weight_of(values, role=Role.W_U, n_blocks=None).heads(values) is None
    assert weight_of(values, role=Role.W_Q, n_blocks=None).heads(values) is None


def test_opening_reads_no_tensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ngpt_inspect.formats.safetensors_file import SafetensorsTensor

    path = write_reference(tiny_ngpt(), tmp_path / "step-000001.safetensors")
    monkeypatch.setattr(SafetensorsTensor, "read", lambda *_: pytest.fail("a tensor was read"))
    assert len(open_checkpoint(path).weights) == 2 + 1 + 2 * 12


def test_get_and_select(tmp_path: Path) -> None:
    model = open_checkpoint(write_reference(tiny_gpt(), tmp_path / "gpt.safetensors"))
    assert model.get(Role.W_O, 1).key == (Role.W_O, 1, None)
    assert model.get(Role.E_INPUT).key == (Role.E_INPUT, None, None)
    chosen = model.select((Role.W_Q, Role.E_INPUT), (1,))
    assert [weight.key for weight in chosen] == [(Role.W_Q, 1, None)]
    with pytest.raises(MissingRole, match="layers are 0 to 1"):
        model.select(None, (2,))
    with pytest.raises(MissingRole, match="a GPT has none; it has E_input"):
        model.get(Role.S_Z)
    with pytest.raises(MissingRole, match="no W_q of layer 7"):
        model.get(Role.W_Q, 7)


def test_parameters_count_tied_tensors_once(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    values = sum(array.size for array in gpt.arrays.values())
    assert open_checkpoint(write_llama(gpt, tmp_path / "untied")).n_parameters == values
    tied = open_checkpoint(write_llama(gpt, tmp_path / "tied", tied=True))
    assert tied.n_parameters == values - gpt.arrays["E_output", None].size


def test_dtypes_come_most_values_first(tmp_path: Path) -> None:
    def mix(tensors: dict[str, torch.Tensor]) -> None:
        for name in tensors:
            if ".W_" in name:
                tensors[name] = tensors[name].bfloat16()

    path = write_reference(tiny_ngpt(), tmp_path / "mixed.safetensors", change=mix)
    assert open_checkpoint(path).dtypes == ("BF16", "F32")


def test_one_of_a_stack_is_read_alone() -> None:
    """Three experts stacked; each holds a gate, then u: only one expert is asked for."""
    stack = torch.arange(3 * 6 * 4.0).reshape(3, 6, 4)
    weight = weight_of(stack, place=1, part=Part(start=3, stop=6), shape=(3, 4))
    assert torch.equal(weight.values(), stack[1, 3:])
    assert weight.tensor.asked == [(1, 2)]
    assert weight.source == "t[1][3:6]"
    turned = weight_of(stack, place=2, transposed=True, shape=(4, 6))
    assert torch.equal(turned.values(), stack[2].T)


def test_rows_that_alternate() -> None:
    """Every second row: a gate's and u's, stored (out, in), (in, out), stacked, and by head."""
    fused = torch.arange(48.0).reshape(12, 4)
    for start in (0, 1):
        part = Part(start=start, stop=12, step=2)
        assert part.height == 6
        plain = weight_of(fused, part=part, shape=(6, 4))
        assert torch.equal(plain.values(), fused[start::2])
        assert plain.source == f"t[{start}:12:2]"
        turned = weight_of(fused.T.contiguous(), part=part, transposed=True, shape=(6, 4))
        assert torch.equal(turned.values(), fused[start::2])
        stack = torch.stack((fused, fused + 100))
        one = weight_of(stack, place=1, part=part, shape=(6, 4))
        assert torch.equal(one.values(), fused[start::2] + 100)
        groups = weight_of(fused, part=Part(start=start, stop=4, step=2, groups=3), shape=(6, 4))
        assert torch.equal(groups.values(), fused[start::2])


def test_rows_are_counted_through_more_axes() -> None:
    stack = torch.arange(24.0).reshape(3, 2, 4)
    weight = weight_of(stack, part=Part(start=2, stop=4), shape=(2, 4))
    assert torch.equal(weight.values(), stack[1])


def test_what_the_model_normalises_whenever_it_reads() -> None:
    stored = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    rows = weight_of(stored, normalised=MatrixAxis.ROWS).values()
    assert torch.equal(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    columns = weight_of(stored, normalised=MatrixAxis.COLUMNS).values()
    assert torch.equal(columns, torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    half = weight_of(stored.bfloat16(), normalised=MatrixAxis.ROWS)
    assert half.values().dtype == torch.bfloat16
    assert torch.equal(half.stored(), stored.bfloat16())


def test_numpy_reads_what_torch_reads(layouts: dict[str, Path]) -> None:
    n_weights = 0
    for path in layouts.values():
        for weight in open_checkpoint(path):
            values, array = weight.values(), weight.array()
            assert torch.equal(torch.from_numpy(array).double(), values.double()), weight
            n_weights += 1
    assert n_weights > 100
