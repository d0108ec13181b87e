"""Checkpoints whose modules have different widths: each is read with the one that fits it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quantised_helpers import Module, Tensors, check_values, compressed, gptq, only, under, write

from ngpt_inspect.formats import read_contents


def groups(*widths: int) -> dict[str, Any]:
    return {
        f"group_{n}": {"weights": {"num_bits": bits, "type": "int"}}
        for n, bits in enumerate(widths)
    }


def check_modules(folder: Path, made: dict[str, Module], dtypes: dict[str, str]) -> None:
    found = read_contents(folder).tensors
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        f"{name}.weight": dtype for name, dtype in dtypes.items()
    }
    for name, (_, expected) in made.items():
        check_values(found[f"{name}.weight"], expected, 3, 8)


def together(made: dict[str, Module]) -> Tensors:
    return {
        key: part for name, (parts, _) in made.items() for key, part in under(name, parts).items()
    }


@pytest.mark.parametrize("form", ["pack-quantized", "mixed-precision"])
def test_compressed_tensors(form: str, tmp_path: Path) -> None:
    widths = {"q": 4, "k": 8, "v": 3, "o": 5}
    made = {name: compressed(bits, 10, 70, 2) for name, bits in widths.items()}
    config = {"format": form, "config_groups": groups(*widths.values())}
    folder = write(tmp_path, together(made), config)
    check_modules(folder, made, {name: f"int{bits}" for name, bits in widths.items()})


def test_one_odd_width_of_compressed_tensors(tmp_path: Path) -> None:
    parts, expected = compressed(6, 9, 50, 2)
    config = {"format": "pack-quantized", "config_groups": groups(6)}
    check_values(only(write(tmp_path, under("q", parts), config)), expected, 2, 5)


def test_groups_are_of_the_size_that_the_config_says(tmp_path: Path) -> None:
    """Two scales of 64 inputs are of 48 and 16 where the groups are of 48."""
    made = {"q": compressed(4, 10, 64, 2, group=48), "k": compressed(4, 10, 80, 5, group=16)}
    config = {"format": "pack-quantized", "config_groups": groups(4, 4)}
    for size, each in zip((48, 16), config["config_groups"].values(), strict=True):
        each["weights"]["group_size"] = size
    check_modules(write(tmp_path, together(made), config), made, {"q": "int4", "k": "int4"})


def test_groups_of_another_size_are_refused(tmp_path: Path) -> None:
    parts, _ = compressed(4, 10, 64, 2)
    config = {"format": "pack-quantized", "config_groups": groups(4)}
    config["config_groups"]["group_0"]["weights"]["group_size"] = 16
    read = read_contents(write(tmp_path, under("q", parts), config)).tensors
    assert "its parts do not fit" in read["q.weight_packed"].obstacle


def test_a_width_that_sizes_do_not_tell(tmp_path: Path) -> None:
    """Four inputs of 4 or of 8 bits are one word."""
    parts, _ = compressed(4, 10, 4, 2)
    config = {"format": "pack-quantized", "config_groups": groups(4, 8)}
    read = read_contents(write(tmp_path, under("q", parts), config)).tensors
    assert "whose width" in read["q.weight_packed"].obstacle


def test_gptq_whose_modules_differ(tmp_path: Path) -> None:
    widths = {"q": (4, 2), "k": (8, 4), "v": (3, 1), "o": (2, 2)}
    made = {name: gptq(bits, n, 64, 32) for name, (bits, n) in widths.items()}
    config = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    differ = config | {"dynamic": {r"+:.*k": {"bits": 8}}}
    folder = write(tmp_path / "said", together(made), differ)
    check_modules(folder, made, {name: f"GPTQ int{bits}" for name, (bits, _) in widths.items()})
    said = read_contents(write(tmp_path / "unsaid", together(made), config)).tensors
    assert "do not fit" in said["k.qweight"].obstacle, "nothing says that modules differ"
