"""Norm and the steps along the sphere, against their formulas and autograd's gradients."""

import math

import pytest
import torch

from reference_model.sphere import l2_normalize, lerp_step, slerp, slerp_step


def plain_norm(x):
    return x / x.norm(dim=-1, keepdim=True)


def plain_lerp_step(h, y, alpha):
    return plain_norm(h + alpha * (plain_norm(y) - h))


def random_step(shape=(5,), dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    h, y = torch.randn(2, 3, 4, 5, generator=generator, dtype=dtype)
    alpha = torch.rand(shape, generator=generator, dtype=dtype)
    return [x.detach().requires_grad_() for x in (plain_norm(h), y, alpha)]


def test_l2_normalize_has_the_gradient_of_its_formula():
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(l2_normalize, (x,))
    torch.testing.assert_close(l2_normalize(x), x / x.norm(dim=-1, keepdim=True))


def test_l2_normalize_of_bfloat16_into_float32_rounds_only_its_gradient():
    x = torch.randn(3, 50).bfloat16().requires_grad_()
    y = l2_normalize(x, dtype=torch.float32)
    wide = x.detach().float().requires_grad_()
    expected = wide / wide.norm(dim=-1, keepdim=True)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, expected)
    weights = torch.randn(3, 50)
    (gradient,) = torch.autograd.grad((y * weights).sum(), x)
    (exact,) = torch.autograd.grad((expected * weights).sum(), wide)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient, exact.bfloat16())


def test_l2_normalize_keeps_zero_and_dtype():
    assert l2_normalize(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2
    x = torch.full((1, 5000), 100.0, dtype=torch.bfloat16)
    assert l2_normalize(x).dtype == torch.bfloat16
    # summed in bfloat16 the squares would stop growing long before the end
    assert l2_normalize(x)[0, 0].item() == pytest.approx(1 / math.sqrt(5000), rel=4e-3)


def test_slerp_walks_the_great_circle_at_constant_speed():
    x, y = torch.eye(3, dtype=torch.float64)[:2]
    for alpha in (0.0, 0.25, 0.5, 1.0):
        angle = alpha * math.pi / 2
        expected = torch.tensor([math.cos(angle), math.sin(angle), 0.0], dtype=torch.float64)
        torch.testing.assert_close(slerp(x, y, torch.tensor(alpha)), expected)
    assert torch.isfinite(slerp(x, x, torch.tensor(0.3))).all()


@pytest.mark.parametrize("shape", [(5,), (1,)], ids=["element", "scalar"])
@pytest.mark.parametrize("step", [lerp_step, slerp_step])
def test_a_step_has_the_gradient_of_its_formula(step, shape):
    assert torch.autograd.gradcheck(step, random_step(shape))


def test_lerp_step_is_its_formula_and_its_input_stays():
    h, y, alpha = random_step()
    before = [x.detach().clone() for x in (h, y, alpha)]
    new = lerp_step(h, y, alpha)
    torch.testing.assert_close(new, plain_lerp_step(h, y, alpha))
    weights = torch.randn(3, 4, 5, dtype=torch.float64)
    given = weights.clone()
    new.backward(weights)
    for one, other in zip((h, y, alpha, weights), (*before, given), strict=True):
        assert torch.equal(one, other)


def test_lerp_step_from_a_zero_block_stays_finite():
    h, y, alpha = random_step()
    zero = torch.zeros_like(y, requires_grad=True)
    new = lerp_step(h, zero, alpha / 2)
    torch.testing.assert_close(new, plain_norm(h * (1 - alpha / 2)))


def test_lerp_step_of_a_bfloat16_block_rounds_only_its_gradient():
    h, y, alpha = random_step(dtype=torch.float32)
    short = y.detach().bfloat16().requires_grad_()
    wide = short.detach().float().requires_grad_()
    new, expected = lerp_step(h, short, alpha), plain_lerp_step(h, wide, alpha)
    assert new.dtype == torch.float32
    torch.testing.assert_close(new, expected)
    weights = torch.randn(3, 4, 5)
    ours = torch.autograd.grad(new, (h, short, alpha), weights)
    exact = torch.autograd.grad(expected, (h, wide, alpha), weights)
    for one, other in zip(ours, exact, strict=True):
        torch.testing.assert_close(one, other.to(one.dtype))
