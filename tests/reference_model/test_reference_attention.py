"""The attention that a CPU takes, and the rotation, against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from conftest import make_config

from reference_model.attention import QUERY_BLOCK, Rotary, causal_attention, rotate, rotate_unit
from reference_model.sphere import l2_normalize

LENGTHS = {"one": 1, "short": 7, "whole blocks": 2 * QUERY_BLOCK, "a rest": 2 * QUERY_BLOCK + 5}


def random_heads(length, dtype=torch.float64):
    generator = torch.Generator().manual_seed(length)
    parts = torch.randn(4, 2, 3, length, 8, generator=generator, dtype=torch.float64).to(dtype)
    return [part.requires_grad_() for part in parts.unbind()]


def with_gradients(attention, q, k, v, weights):
    out = attention(q, k, v)
    return [out, *torch.autograd.grad((out * weights).sum(), (q, k, v))]


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_causal_attention_and_its_gradients_are_those_of_torch(length):
    q, k, v, weights = random_heads(length)
    ours = with_gradients(lambda *x: causal_attention(*x, scale=0.7), q, k, v, weights)
    torchs = with_gradients(
        lambda *x: F.scaled_dot_product_attention(*x, is_causal=True, scale=0.7), q, k, v, weights
    )
    for one, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_causal_attention_in_bfloat16_errs_no_more_than_its_input():
    # nGPT's logits reach sqrt(d_k) s_qk^2, far above those of a usual start
    q, k, v, weights = random_heads(300)
    rounded = [x.detach().bfloat16().requires_grad_() for x in (q, k, v)]
    exact = with_gradients(lambda *x: causal_attention(*x, scale=1.0), q, k, v, weights)
    short = with_gradients(lambda *x: causal_attention(*x, scale=1.0), *rounded, weights.bfloat16())
    for one, other in zip(short, exact, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one - other).norm() < 0.015 * other.norm()


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


@pytest.mark.parametrize("shape", [(2, 1, 8), (1,), None], ids=["element", "scalar", "none"])
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
