"""What trains (`fused`) against what is read (`model`): the same values and the same gradients."""

import inspect
import math

import pytest
import torch
from small_runs import make_config, shake
from test_reference_forward import VARIANTS, Rotary64

from reference_model import fused
from reference_model import model as plain
from reference_model.fused import QUERY_BLOCK, fuse
from reference_model.model import build_model

LENGTHS = {"one": 1, "short": 7, "whole blocks": 2 * QUERY_BLOCK, "a rest": 2 * QUERY_BLOCK + 5}


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def unit(*shape, seed=0):
    return plain.norm(random(*shape, seed=seed)).detach().requires_grad_()


def tables(length=5, dtype=torch.float64):
    # rounded to float32 they would not quite be rotations, which Norm may be exchanged with
    return [table.to(dtype) for table in Rotary64(make_config("gpt"))(length)]


def rotate_unit(x, cosines, sines, scale=None):
    """Eqs. 15, 16 in the operations of `model`."""
    turned = plain.norm(plain.rotate(x, cosines, sines))
    return turned if scale is None else turned * scale


def attention(length):
    return [random(2, 3, length, 8, seed=seed) for seed in range(3)]


OPERATIONS = {
    "norm": ("norm", plain.norm, [random(3, 4, 5)]),
    **{
        f"{step}, alpha {shape}": (
            step,
            getattr(plain, step),
            [unit(3, 4, 5), random(3, 4, 5, seed=1), torch.rand(shape).double().requires_grad_()],
        )
        for step in ("lerp_step", "slerp_step")
        for shape in ((5,), (1,))
    },
    "rotate": ("rotate", plain.rotate, [random(2, 2, 5, 8), *tables()]),
    **{
        f"rotate_unit, scale {shape}": (
            "rotate_unit",
            rotate_unit,
            [random(2, 2, 5, 8), *tables(), torch.rand(shape).double().requires_grad_()],
        )
        for shape in ((2, 1, 8), (1, 1))
    },
    "rotate_unit": ("rotate_unit", rotate_unit, [random(2, 2, 5, 8), *tables()]),
    **{
        f"causal_attention, {name}": (
            "causal_attention",
            plain.causal_attention,
            [*attention(length), 0.7],
        )
        for name, length in LENGTHS.items()
    },
}


def with_gradients(operation, arguments, weights_seed=9):
    """Return the value of an operation and its gradients, which must leave the arguments alone."""
    learned = [x for x in arguments if isinstance(x, torch.Tensor) and x.requires_grad]
    before = [x.detach().clone() for x in learned]
    value = operation(*arguments)
    weights = random(*value.shape, seed=weights_seed).detach().to(value.dtype)
    given = weights.clone()
    gradients = torch.autograd.grad(value, learned, weights)
    for now, then in zip((*learned, weights), (*before, given), strict=True):
        assert torch.equal(now, then)
    return value, *gradients


@pytest.mark.parametrize(("name", "expected", "arguments"), OPERATIONS.values(), ids=OPERATIONS)
def test_a_fused_operation_has_the_values_and_gradients_of_the_plain_one(name, expected, arguments):
    found = with_gradients(getattr(fused, name), arguments)
    for one, other in zip(found, with_gradients(expected, arguments), strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("architecture", "changes"), VARIANTS.values(), ids=VARIANTS)
def test_a_fused_model_has_the_loss_and_gradients_of_the_plain_one(architecture, changes):
    models = [
        shake(build_model(make_config(architecture, **changes))).double(),
        fuse(shake(build_model(make_config(architecture, **changes)))).double(),
    ]
    assert type(models[0].layers[0].attention) is not type(models[1].layers[0].attention)
    tokens = torch.randint(0, 23, (3, 13), generator=torch.Generator().manual_seed(5))
    results = []
    for model in models:
        model.load_state_dict(models[0].state_dict())
        model.rotary = Rotary64(model.config)
        loss = model(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        results.append({"loss": loss.detach(), "logits": model(tokens).detach(), **gradients})
    torch.testing.assert_close(results[1], results[0], rtol=1e-10, atol=1e-12)


def test_operations_of_the_same_name_have_the_same_signature():
    names = [n for n, f in vars(fused).items() if inspect.isfunction(f) and hasattr(plain, n)]
    shared = [name for name in names if getattr(fused, name) is not getattr(plain, name)]
    assert {"norm", "lerp_step", "slerp_step", "rotate", "causal_attention"} == set(shared)
    for name in shared:
        ours, theirs = (inspect.signature(getattr(home, name)) for home in (fused, plain))
        assert ours == theirs, name


def test_every_part_of_a_fused_model_is_still_one_of_the_plain_model():
    for architecture in ("gpt", "ngpt"):
        model = fuse(build_model(make_config(architecture)))
        assert isinstance(model, build_model(make_config(architecture)).__class__)
        for module in model.modules():
            assert type(module) not in fused.FAST, "fused parts have no faster ones"
        assert fuse(model) is model


@pytest.mark.parametrize("home", [plain, fused])
def test_slerp_walks_the_great_circle_at_constant_speed(home):
    x, y = torch.eye(3, dtype=torch.float64)[:2]
    for alpha in (0.0, 0.25, 0.5, 1.0):
        angle = alpha * math.pi / 2
        expected = torch.tensor([math.cos(angle), math.sin(angle), 0.0], dtype=torch.float64)
        torch.testing.assert_close(home.slerp(x, y, torch.tensor(alpha)), expected)
        torch.testing.assert_close(home.slerp_step(x, 3 * y, torch.tensor(alpha)), expected)
    assert torch.isfinite(home.slerp(x, x, torch.tensor(0.3))).all()


@pytest.mark.parametrize("home", [plain, fused])
def test_zero_blocks_stay_finite(home):
    assert home.norm(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2
    h, alpha = unit(3, 4, 5), torch.rand(5).double().requires_grad_()
    zero = torch.zeros(3, 4, 5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(home.lerp_step(h, zero, alpha / 2), plain.norm(h * (1 - alpha / 2)))
    assert not fused.rotate_unit(torch.zeros(2, 2, 5, 8), *tables()).any()


# In bfloat16 fused operations round nothing but their results and their gradients.


def rounded(x):
    """Return a bfloat16 leaf, and a float32 one of the same value."""
    short = x.detach().bfloat16().requires_grad_()
    return short, short.detach().float().requires_grad_()


def assert_rounded_once(short, exact):
    for one, other in zip(short, exact, strict=True):
        torch.testing.assert_close(one, other.to(one.dtype))


def test_norm_of_bfloat16_rounds_once():
    short, wide = rounded(random(3, 50))
    assert_rounded_once(
        with_gradients(fused._normalized, [short, torch.float32]),
        with_gradients(plain.norm, [wide]),
    )
    ones = torch.full((1, 5000), 100.0, dtype=torch.bfloat16)
    assert fused.norm(ones).dtype == torch.bfloat16
    # summed in bfloat16 the squares would stop growing long before the end
    assert fused.norm(ones)[0, 0].item() == pytest.approx(1 / math.sqrt(5000), rel=4e-3)


def test_a_step_to_a_bfloat16_block_rounds_once():
    h, alpha = unit(3, 4, 5).detach().float().requires_grad_(), torch.rand(5).requires_grad_()
    short, wide = rounded(random(3, 4, 5, seed=1))
    found = with_gradients(fused.lerp_step, [h, short, alpha])
    assert found[0].dtype == torch.float32
    assert_rounded_once(found, with_gradients(plain.lerp_step, [h, wide, alpha]))


@pytest.mark.parametrize("scaled", [False, True])
def test_a_rotation_of_bfloat16_rounds_once(scaled):
    short, wide = rounded(random(2, 2, 5, 8))
    turn = tables(dtype=torch.float32)
    operations = (fused.rotate, plain.rotate)
    if scaled:
        turn.append(torch.rand(2, 1, 8).requires_grad_())
        operations = (fused.rotate_unit, rotate_unit)
    value = operations[0](short, *turn)
    exact = operations[1](wide, *turn)
    assert value.dtype == torch.bfloat16
    assert_rounded_once([value], [exact])
    weights = random(*value.shape, seed=9).detach().bfloat16()
    leaves = turn[2:]
    assert_rounded_once(
        torch.autograd.grad(value, (short, *leaves), weights),
        torch.autograd.grad(exact, (wide, *leaves), weights.float()),
    )


def test_attention_in_bfloat16_errs_no_more_than_its_input():
    # nGPT's logits reach sqrt(d_k) s_qk^2, far above those of a usual start
    q, k, v = attention(300)
    short = [x.detach().bfloat16().requires_grad_() for x in (q, k, v)]
    exact = with_gradients(fused.causal_attention, [q, k, v, 1.0])
    for one, other in zip(
        with_gradients(fused.causal_attention, [*short, 1.0]), exact, strict=True
    ):
        assert one.dtype == torch.bfloat16
        assert (one - other).norm() < 0.015 * other.norm()
