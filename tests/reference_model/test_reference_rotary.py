"""The rotation, with and without Norm, against its formula and autograd's gradients."""

import pytest
import torch
from small_runs import make_config

from reference_model.rotary import Rotary, rotate, rotate_unit
from reference_model.sphere import l2_normalize


def test_rotation_has_the_gradient_of_its_formula():
    cosines, sines = (table.double() for table in Rotary(make_config("gpt"))(5))
    x = torch.randn(2, 2, 5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, cosines, sines), (x,))


def test_rotation_of_bfloat16_rounds_only_its_result_and_its_gradient():
    cosines, sines = Rotary(make_config("gpt"))(5)
    x = torch.randn(2, 2, 5, 8).bfloat16().requires_grad_()
    rotated = rotate(x, cosines, sines)
    torch.testing.assert_close(rotated, rotate(x.detach().float(), cosines, sines).bfloat16())
    (gradient,) = torch.autograd.grad(rotated, x, rotated)
    # turned there and back
    torch.testing.assert_close(gradient, x.detach(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("shape", [(2, 1, 8), (1, 1), None], ids=["element", "scalar", "none"])
def test_rotation_of_unit_vectors_has_the_gradient_of_its_formula(shape):
    cosines, sines = (table.double() for table in Rotary(make_config("gpt"))(5))
    x = torch.randn(2, 2, 5, 8, dtype=torch.float64, requires_grad=True)
    scale = None if shape is None else torch.rand(shape).double().requires_grad_()
    expected = rotate(l2_normalize(x), cosines, sines) * (1 if scale is None else scale)
    torch.testing.assert_close(rotate_unit(x, cosines, sines, scale), expected)
    arguments = (x, cosines, sines, scale)
    assert torch.autograd.gradcheck(lambda *x: rotate_unit(*x), arguments)


def test_rotation_of_unit_vectors_leaves_its_input_alone():
    cosines, sines = Rotary(make_config("gpt"))(5)
    x = torch.randn(2, 2, 5, 8, requires_grad=True)
    before, gradient = x.detach().clone(), torch.randn(2, 2, 5, 8)
    given = gradient.clone()
    for function in (rotate, rotate_unit):
        function(x, cosines, sines).backward(gradient)
    assert torch.equal(x, before)
    assert torch.equal(gradient, given)
    assert not rotate_unit(torch.zeros(2, 2, 5, 8), cosines, sines).any()  # Norm(0) = 0


def test_rotation_of_unit_vectors_in_bfloat16_errs_no_more_than_its_result():
    cosines, sines = Rotary(make_config("gpt"))(5)
    wide = torch.randn(2, 2, 5, 8).bfloat16().float().requires_grad_()
    scale = torch.rand(2, 1, 8).requires_grad_()
    weights = torch.randn(2, 2, 5, 8).bfloat16()
    exact = rotate(l2_normalize(wide), cosines, sines) * scale
    expected = torch.autograd.grad(exact, (wide, scale), weights.float())
    short = wide.detach().bfloat16().requires_grad_()
    rotated = rotate_unit(short, cosines, sines, scale)
    torch.testing.assert_close(rotated, exact.bfloat16())
    gradient, scale_gradient = torch.autograd.grad(rotated, (short, scale), weights)
    torch.testing.assert_close(gradient, expected[0].bfloat16())
    torch.testing.assert_close(scale_gradient, expected[1])
