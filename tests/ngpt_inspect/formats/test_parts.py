"""Files that hold several sets of weights: the usual one is read and said, any can be named."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from click.testing import Result
from models import Tensors, tiny_ngpt, write_reference
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats.torch.state_dict import NotWeights, find_state_dicts

Cli = Callable[..., Result]
Sets = tuple[Tensors, Tensors]


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    """The tensors of two models of one shape."""
    one, other = (
        load_file(write_reference(tiny_ngpt(seed=seed), tmp_path / f"{seed}.safetensors"))
        for seed in (2, 3)
    )
    return one, other


def in_torch(sets: Sets, path: Path) -> Path:
    model, average = sets
    moments = {"state": {name: torch.ones(4, 4) for name in ("exp_avg", "exp_avg_sq")}}
    held = {"optimizer": moments, "ema": average, "step": 3, "rng": {"cpu": torch.zeros(8)}}
    torch.save({**held, "model": model}, path)
    return path


def prefixed(**sets: Tensors) -> Tensors:
    return {f"{part}.{k}": v.clone() for part, held in sets.items() for k, v in held.items()}


def by_prefix(sets: Sets, path: Path) -> Path:
    save_file(prefixed(ema=sets[1], model=sets[0]), path)
    return path


def distributed(sets: Sets, path: Path) -> Path:
    writer = dcp.FileSystemWriter(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing is distributed here
        dcp.save({"model": sets[0], "ema": sets[1]}, storage_writer=writer, no_dist=True)
    return path


KINDS = {"torch": in_torch, "prefixes": by_prefix, "distributed": distributed}
kinds = pytest.mark.parametrize("write", KINDS.values(), ids=list(KINDS))


@kinds
def test_every_part_can_be_opened(write: Callable[..., Path], sets: Sets, tmp_path: Path) -> None:
    path = write(sets, tmp_path / "both.pt")
    for part, tensors in (("model", sets[0]), ("ema", sets[1])):
        model = ni.open_checkpoint(path, part=part)
        assert model.contents.part == part
        assert set(model.contents.parts) == {"model", "ema"}
        assert model.unrecognised == ()
        assert model.label.endswith(f" {part}")
        for name, tensor in model.contents.tensors.items():
            assert torch.equal(tensor.read(), tensors[name])


@kinds
def test_the_usual_part_is_read_and_said(
    write: Callable[..., Path], sets: Sets, tmp_path: Path
) -> None:
    path = write(sets, tmp_path / "both.pt")
    model = ni.open_checkpoint(path)
    assert torch.equal(model.contents.tensors["E_input.weight"].read(), sets[0]["E_input.weight"])
    said = "model is read; the file also holds ema (--part)"
    assert model.unasked == said
    assert ni.measure(path, "unit_norm").attrs["remarks"] == [f"{model.label}: {said}"]


def test_every_command_says_what_is_not_asked(sets: Sets, tmp_path: Path, cli: Cli) -> None:
    path, said = by_prefix(sets, tmp_path / "both.pt"), "the file also holds ema (--part)"
    for command in ("unit-norm", "tensors", "summary", "tokens"):
        assert said in cli(command, path).stderr, command
    assert said not in cli("unit-norm", path, "--part", "model").stderr


def test_parts_stand_side_by_side(sets: Sets, tmp_path: Path, cli: Cli) -> None:
    path = in_torch(sets, tmp_path / "both.pt")
    printed = cli("unit-norm", path, "--part", "ema,model", "--format", "jsonl").stdout
    assert ['"both ema"' in line for line in printed.splitlines()].count(True) > 0
    assert ['"both model"' in line for line in printed.splitlines()].count(True) > 0
    both = [ni.open_checkpoint(path, part=each) for each in ("model", "ema")]
    table = ni.measure(both, "unit_norm")
    assert list(table["checkpoint"].unique()) == ["both model", "both ema"]


@kinds
def test_work_that_is_shipped_reads_the_same_part(
    write: Callable[..., Path], sets: Sets, tmp_path: Path
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    opened = ni.open_checkpoint(write(sets, tmp_path / "both.pt"), part="ema")
    here = ni.measure(opened, "embedding_norms")
    with ThreadPoolExecutor(1) as pool:
        there = ni.measure(opened, "embedding_norms", executor=pool)
    assert there["value"].tolist() == here["value"].tolist()
    norms = sets[1]["E_input.weight"].double().norm(dim=1)
    found = here[here["role"] == "E_input"]["value"]
    np.testing.assert_allclose(found, norms, rtol=1e-12)


def test_a_part_that_is_not_there(sets: Sets, tmp_path: Path, cli: Cli) -> None:
    path = in_torch(sets, tmp_path / "both.pt")
    with pytest.raises(WrongOption, match="no part 'teacher'; its parts are model, ema"):
        ni.open_checkpoint(path, part="teacher")
    alone = write_reference(tiny_ngpt(), tmp_path / "alone.safetensors")
    run = cli("unit-norm", alone, "--part", "ema")
    assert run.exit_code == 2
    assert "no part 'ema'; it holds one set of weights" in run.stderr


def test_the_first_word_of_a_nested_part_is_enough(sets: Sets, tmp_path: Path) -> None:
    path = tmp_path / "nested.pt"
    torch.save({"model_ema": {"module": sets[1]}, "state_dict": sets[0]}, path)
    contents = read_contents(path)
    assert contents.part == "state_dict"
    assert list(contents.parts) == ["state_dict", "model_ema.module"]
    assert read_contents(path, "model_ema").part == "model_ema.module"


def test_of_several_unusual_ones_none_is_chosen(sets: Sets, tmp_path: Path) -> None:
    path = tmp_path / "pair.pt"
    torch.save({"teacher": sets[0], "student": sets[1]}, path)
    with pytest.raises(WrongOption, match=r"2 sets of weights.*its parts are teacher, student"):
        read_contents(path)
    assert read_contents(path, "student").part == "student"
    torch.save({"student": sets[1], "rng": {"cpu": torch.zeros(9)}, "step": 3}, path)
    assert read_contents(path).parts == {}, "only one of them is weights"


def test_prefixes_of_which_none_is_usual_are_parts_for_who_names_one(
    sets: Sets, tmp_path: Path
) -> None:
    path = tmp_path / "pair.safetensors"
    save_file(prefixed(a=sets[0], b=sets[1]), path)
    assert read_contents(path).parts == {}
    chosen = read_contents(path, "b")
    assert torch.equal(next(iter(chosen.tensors.values())).read(), next(iter(sets[1].values())))


def test_weights_in_a_list(sets: Sets, tmp_path: Path) -> None:
    path = tmp_path / "list.pt"
    torch.save((sets[0], 7), path)
    assert set(read_contents(path).tensors) == set(sets[0])
    torch.save([sets[0], {"state": {}}, sets[1]], path)
    assert list(read_contents(path, "2").parts) == ["0", "2"]


def test_two_halves_of_one_model_are_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    half = {f"layers.0.{name}.weight": torch.ones(4, 4) for name in "abc"}
    save_file(prefixed(encoder=half, decoder=half), path)
    contents = read_contents(path)
    assert contents.parts == {}
    assert len(contents.tensors) == 6


def test_a_file_that_repeats_itself_is_looked_through_once() -> None:
    """A thousand keys of one dict, in which a thousand keys are one dict, and so on."""
    value: dict[str, object] = {"step": 1}
    for _ in range(4):
        value = {f"k{number}": value for number in range(1000)}
    with pytest.raises(NotWeights, match="holds no tensors by name"):
        find_state_dicts(value)


def test_metadata_of_a_file_with_prefixes_is_that_of_both(sets: Sets, tmp_path: Path) -> None:
    source = write_reference(tiny_ngpt(), tmp_path / "one.safetensors")
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    path = tmp_path / "both.safetensors"
    save_file(prefixed(model=sets[0], ema=sets[0]), path, metadata=metadata)
    for part in ("model", "ema"):
        opened = ni.open_checkpoint(path, part=part)
        assert opened.step == 7
        assert {weight.tensor.name.split(".")[0] for weight in opened} == {part}
