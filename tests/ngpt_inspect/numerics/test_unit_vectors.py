"""Unit rows made in float64, rounded, and judged by what was rounded."""

import math

import numpy as np
import pytest
import torch

from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.unit_vectors import norm_rounding, unit_vectors
from ngpt_inspect.stored import FLOATS

KINDS = ("float64", "float32", "float16", "bfloat16")
KINDS += tuple(f"float8_{each}" for each in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz"))
TORCH = {name: getattr(torch, kind) for name, kind in zip(FLOATS, KINDS, strict=True)}

LOW = [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2]


def unit(kind, rows, columns):
    x = np.random.default_rng(7).standard_normal((rows, columns))
    if kind == "heavy tails":
        x = x**3
    elif kind == "sparse":
        x[np.random.default_rng(8).random(x.shape) > 0.05] = 0
        x[:, 0] = 1
    elif kind == "one magnitude":
        x = np.sign(x)
    elif kind == "one coordinate":
        x = np.eye(rows, columns) + np.eye(rows, columns, -columns)
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True))


def as_stored(rows):
    """Return what is stored as NumPy reads it, and the spacing of the dtype."""
    wide = rows if rows.dtype.itemsize > 2 else rows.float()
    return wide.numpy(), next(FLOATS[name] for name, dtype in TORCH.items() if dtype == rows.dtype)


def unit_rows_of(rows, relative_rounding=None):
    return unit_vectors(*as_stored(rows), relative_rounding)[0]


@pytest.mark.parametrize("name", FLOATS)
def test_spacings_are_those_of_the_codes(name):
    """Not of `torch.finfo`, whose eps of float8_e5m2fnuz is half of the step from 1."""
    kind = TORCH[name]
    integers = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[kind.itemsize]
    one = torch.ones(1, dtype=torch.float64).to(kind)
    after = (one.view(integers) + 1).view(kind)
    assert FLOATS[name].eps == float(after.double() - one.double())
    assert FLOATS[name].smallest == torch.finfo(kind).tiny


@pytest.mark.parametrize("dtype", [*LOW, torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "sparse", "one magnitude"])
def test_columns_are_judged_as_the_rows_of_the_transpose(kind, dtype):
    rows = unit(kind, 900, 130).to(dtype)
    x, spacing = as_stored(rows)
    found, of_columns = unit_vectors(x, spacing)
    turned, of_rows = unit_vectors(np.ascontiguousarray(x.T), spacing)
    for one, other in ((found, of_rows), (of_columns, turned)):
        assert (one.off, one.over) == (other.off, other.over)
        for name in ("deviation", "tolerance", "excess"):  # sums of up to 900 terms
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("columns", [16, 60, 1024])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "sparse", "one magnitude"])
@pytest.mark.parametrize("dtype", LOW)
def test_rounded_unit_rows_are_never_off(dtype, kind, columns):
    found = unit_rows_of(unit(kind, 2000, columns).to(dtype))
    assert found.off == 0
    assert found.deviation <= found.tolerance


@pytest.mark.parametrize("dtype", LOW)
def test_one_coordinate_alone_is_exact(dtype):
    assert unit_rows_of(unit("one coordinate", 32, 16).to(dtype)).deviation == 0


@pytest.mark.parametrize("columns", [128, 1024, 4096])
@pytest.mark.parametrize("drift", [0.997, 1.003])
def test_a_drift_of_three_per_mille_is_seen_in_bfloat16(drift, columns):
    rows = unit("normal", 200, columns)
    rows[:-1] = rows[:-1].bfloat16()
    rows[-1] *= drift  # one row of two hundred
    found = unit_rows_of(rows.bfloat16())
    assert found.off == 1
    assert found.tolerance < found.deviation


def test_the_tolerance_is_near_what_rounding_does():
    """A deviation of 7.5 sigma is never met, one of half of it among thousands of rows is."""
    rows = unit("normal", 4000, 1024)
    off = unit_rows_of(rows.bfloat16()).deviation
    assert 2e-4 < off < 5e-4
    tolerance, _ = norm_rounding(*as_stored(rows.bfloat16()))
    assert 1.3 * off < tolerance.min() <= tolerance.max() < 4 * off


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_is_stored_finely_has_the_tolerance_of_float32(dtype):
    rows = unit("normal", 20, 64)
    assert unit_rows_of(rows.to(dtype)).tolerance == 1e-5
    assert unit_rows_of((rows * (1 + 2e-5)).to(dtype)).off == 20


def test_the_tolerance_is_relative_to_the_length():
    rows = unit("normal", 20, 64).bfloat16()
    longer, tolerance = (norm_rounding(*as_stored(each))[0] for each in (rows * 1024, rows))
    np.testing.assert_allclose(longer, tolerance, rtol=1e-12, atol=0)


def test_a_spiky_row_hides_no_drift_of_the_others():
    """A row of two large entries may be 0.15 % off where a spread one may not."""
    rows = unit("normal", 100, 1024)
    rows[0] *= 1e-3
    rows[0, :2] = torch.tensor([0.6, 0.8])
    rows[0] /= torch.linalg.vector_norm(rows[0])
    rows[0] *= 1.0015
    fine = unit_rows_of(rows.bfloat16())
    assert fine.off == 0
    assert 7e-4 < fine.deviation <= fine.tolerance
    rows[1] *= 1.003
    off = unit_rows_of(rows.bfloat16())
    assert off.off == 1
    assert off.deviation > off.tolerance


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "one magnitude"])
@pytest.mark.parametrize("name", ["Q8_0", "Q5_0", "Q4_0", "Q4_1", "MXFP4"])
def test_quantised_unit_rows_are_never_off(name, kind):
    gguf = pytest.importorskip("gguf")
    type_ = gguf.GGMLQuantizationType[name]
    for columns in (64, 1024):
        rows = unit(kind, 500, columns).numpy().astype(np.float32)
        stored = gguf.quants.dequantize(gguf.quants.quantize(rows, type_), type_)
        error = math.sqrt(np.square(stored - rows).sum() / np.square(rows).sum())
        assert unit_rows_of(torch.from_numpy(stored), error).off == 0


def test_a_drift_is_seen_in_eight_bits():
    rows = unit("normal", 200, 1024)
    rows[-1] *= 1.006
    scale = rows.abs().amax(1, keepdim=True) / 127
    stored = (rows / scale).round() * scale
    error = float((stored - rows).square().sum().sqrt() / rows.square().sum().sqrt())
    assert unit_rows_of(stored.float(), error).off == 1


def test_nan_is_refused():
    with pytest.raises(NonFinite):
        unit_rows_of(torch.tensor([[1.0, float("nan")]]))
