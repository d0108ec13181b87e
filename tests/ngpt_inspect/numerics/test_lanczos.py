import torch
from tolerances import rounding

from ngpt_inspect.numerics.lanczos import largest_ritz_pair, value_error


def run(values, **limits):
    diagonal = torch.tensor(values, dtype=torch.float64)
    start = torch.ones(1, len(values), dtype=torch.float64)
    defaults = {"tolerance": 1e-13, "max_steps": 200}
    return largest_ritz_pair(lambda x: diagonal * x, start, **(defaults | limits))


def test_finds_the_largest_eigenvalue_and_its_vector():
    pair = run([*torch.linspace(0, 1, 150).tolist(), 1.5])
    assert abs(pair.value - 1.5) < 1.5 * rounding(151)
    assert abs(abs(pair.vector[-1]) - 1) < 1e-13 + rounding(151)
    assert pair.steps < 151


def test_the_stated_error_covers_the_true_one_before_it_has_converged():
    values = torch.linspace(0, 1, 400, dtype=torch.float64).tolist()
    for steps in (12, 18, 24, 36, 60):
        pair = run(values, max_steps=steps)
        error = value_error(pair.value, pair.residual, pair.runner_up)
        assert 0 <= 1 - pair.value <= error


def test_an_invariant_start_ends_at_once():
    assert run([1.0] * 50).steps == 1
    assert run([0.0] * 50).value == 0.0


def test_one_dimension():
    pair = run([7.0])
    assert pair.value == 7.0
    assert pair.residual < 7 * rounding()


def test_bound_without_a_gap_is_the_residual():
    assert value_error(1.0, 1e-3, 1.0) == 1e-3
    assert value_error(1.0, 1e-3, 0.5) == 1e-6 / (1.0 - 1e-3 - 0.5)
