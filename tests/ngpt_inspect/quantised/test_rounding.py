"""What quantisation left of the values is what a simulation of it leaves, and is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models import tiny_gpt, write_llama
from quantised_helpers import only, packed, write
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.numerics.conditioning import condition_number
from ngpt_inspect.quantised._tensor import widths_of

LEVELS = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def gaussian(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def to_float8(w: torch.Tensor, folder: Path) -> Path:
    scale = w.abs().amax(1, keepdim=True) / 448
    codes = (w / scale).to(torch.float8_e4m3fn)
    return write(folder, {"w.weight": codes, "w.weight_scale": scale})


def to_mxfp4(w: torch.Tensor, folder: Path) -> Path:
    groups = w.reshape(len(w), -1, 32)
    exponents = (groups.abs().amax(-1).log2() - 2).ceil()
    scaled = groups / 2 ** exponents.unsqueeze(-1)
    nearest = (scaled.abs().unsqueeze(-1) - LEVELS).abs().argmin(-1)
    codes = nearest | (scaled < 0).int() << 3
    blocks = (codes[..., 0::2] | codes[..., 1::2] << 4).to(torch.uint8)
    return write(folder, {"w_blocks": blocks, "w_scales": (exponents + 127).to(torch.uint8)})


def to_gptq(w: torch.Tensor, folder: Path) -> Path:
    groups = w.T.reshape(-1, 64, len(w))
    scales = (groups.abs().amax(1) / 7.5).half()
    codes = (groups / scales.unsqueeze(1)).round().clamp(-8, 7).reshape(w.T.shape) + 8
    parts = {
        "w.qweight": packed(codes.int(), 4, 0),
        "w.qzeros": packed(torch.full(scales.shape, 7), 4),
        "w.scales": scales,
    }
    return write(folder, parts, {"quant_method": "gptq", "bits": 4, "group_size": 64})


WAYS = {"float8": to_float8, "mxfp4": to_mxfp4, "gptq": to_gptq}


@pytest.mark.parametrize("way", WAYS)
def test_the_rounding_error_is_that_of_a_simulation(way: str, tmp_path: Path) -> None:
    w = gaussian(128, 256)
    tensor = only(WAYS[way](w, tmp_path))
    left = (tensor.read() - w).square().mean().sqrt() / w.square().mean().sqrt()
    assert tensor.rounding() == pytest.approx(float(left), rel=0.1)


def test_the_widths_of_levels() -> None:
    levels = torch.tensor([0.0, 1.0, 3.0, -0.0, -1.0, -3.0, float("nan")])
    assert widths_of(levels).tolist() == [1, 1.5, 2, 1, 1.5, 2, 1]


@pytest.mark.parametrize("way", WAYS)
def test_errors_follow_the_scales_of_their_groups(way: str, tmp_path: Path) -> None:
    """A row a thousand times as small has errors as much smaller, in every way that has groups."""
    w = gaussian(128, 256)
    w[64:] /= 1024
    tensor = only(WAYS[way](w, tmp_path))
    left = (tensor.read() - w).square()
    stated = tensor.errors.read().square()
    for rows in (slice(0, 64), slice(64, 128)):
        ratio = float(stated[rows].mean() / left[rows].mean())
        assert 0.8 < ratio < 1.25
    assert torch.equal(tensor.errors.read(70, 80), tensor.errors.read()[70:80])


@pytest.mark.parametrize("way", WAYS)
def test_a_lost_direction_is_below_resolution(way: str, tmp_path: Path) -> None:
    """A matrix without full rank has it after quantising, but not to be believed."""
    w = gaussian(128, 128)
    w[:, -1] = w[:, :-1] @ gaussian(127, 1).flatten() / 127**0.5
    tensor = only(WAYS[way](w, tmp_path))
    values, errors = tensor.read(), tensor.errors.read()
    believed = condition_number(values)
    judged = condition_number(values, errors_OI=errors)
    assert judged.kappa == believed.kappa < 1e9
    assert judged.status == "below_resolution"
    well = condition_number(4 * torch.eye(128), errors_OI=errors)
    assert well.status == "ok"


def test_a_quantised_checkpoint_is_measured_and_says_how_far_to_trust_it(tmp_path: Path) -> None:
    folder = write_llama(tiny_gpt(), tmp_path / "llama")
    tensors = load_file(folder / "model.safetensors")
    for name, w in list(tensors.items()):
        if "proj" in name:
            scale = w.abs().amax() / 448
            tensors[name] = (w / scale).to(torch.float8_e4m3fn)
            tensors[f"{name}_scale_inv"] = scale
    name = "model.layers.1.mlp.down_proj.weight"
    del tensors["model.layers.0.mlp.down_proj.weight_scale_inv"]
    save_file(tensors, folder / "model.safetensors")
    model = ni.open_checkpoint(folder)
    assert model.unrecognised == ()
    assert model.dtypes[0] == "F8_E4M3"
    for weight in model.select(layers=(1,)):
        errors = weight.errors()
        assert errors is None or errors.shape == weight.shape
        assert (errors is None) != weight.role.startswith("W_")
    table = ni.measure(model, "condition_numbers", roles=["W_oMLP"])
    lost = table[table["status"] == "skipped"]
    assert lost["layer"].tolist() == [0]
    assert "its scale (model.layers.0.mlp.down_proj.weight_scale_inv) is missing" in (
        lost["reason"].item()
    )
    there = table[table["layer"] == 1].set_index("measure")["value"]
    exact = tensors[name].double() * tensors[f"{name}_scale_inv"].double()
    sigma = torch.linalg.svdvals(exact)
    assert there["condition_number"] == pytest.approx(float(sigma[0] / sigma[-1]), rel=1e-9)
    assert 0.001 < there["sigma_resolution"] / float(sigma[0]) < 0.5
    norms = ni.measure(model, "unit_norm", roles=["W_oMLP"]).set_index(["layer", "measure"])
    # columns of 16: twice the relative rounding, and what scales of half precision add
    assert norms.loc[(1, "tolerance"), "value"] == pytest.approx(2 * 0.025 + 2**-11, rel=0.3)
