"""The attention that a CPU takes, and the rotation, against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from small_runs import make_config

from reference_model.attention import QUERY_BLOCK, Rotary, causal_attention, rotate

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


def test_rotation_widens_bfloat16_and_returns_its_gradient():
    cosines, sines = Rotary(make_config("gpt"))(5)
    x = torch.randn(2, 2, 5, 8).bfloat16().requires_grad_()
    rotated = rotate(x, cosines, sines)
    assert rotated.dtype == torch.float32
    torch.testing.assert_close(rotated, rotate(x.detach().float(), cosines, sines))
    (gradient,) = torch.autograd.grad(rotated.square().sum(), x)
    # the norm does not depend on the angle
    torch.testing.assert_close(gradient, 2 * x.detach(), rtol=1e-2, atol=1e-3)
