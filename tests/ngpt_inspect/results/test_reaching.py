"""Steps to reach a loss: known curves, bounds, and what must never happen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngpt_inspect.results.compare.reaching import combined_bound, geometric_mean, steps_to_reach

STEPS = np.geomspace(10, 10_000, 400)


@given(
    floor=st.floats(1, 4),
    scale=st.floats(1, 20),
    power=st.floats(0.05, 0.9),
    factor=st.floats(1.05, 20),
    at=st.floats(20, 400),
)
def test_a_power_law_with_a_built_in_factor(floor, scale, power, factor, at):
    def law(steps):
        return floor + scale * np.asarray(steps) ** -power

    found = steps_to_reach(STEPS, law(STEPS / factor), law([at]))
    assert found.bound.tolist() == [""]
    assert found.steps[0] / at == pytest.approx(factor, rel=2e-3)


@given(
    losses=st.lists(st.floats(0.5, 10), min_size=1, max_size=12),
    targets=st.lists(st.floats(0.1, 11), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_order_does_not_matter_and_nothing_is_extrapolated(losses, targets, seed):
    steps = np.arange(1, len(losses) + 1) * 25
    found = steps_to_reach(steps, losses, targets)
    shuffled = np.random.default_rng(seed).permutation(len(losses))
    other = steps_to_reach(steps[shuffled], np.array(losses)[shuffled], targets)
    np.testing.assert_array_equal(found.steps, other.steps)
    np.testing.assert_array_equal(found.bound, other.bound)
    assert (found.steps >= steps[0]).all()
    assert (found.steps <= steps[-1]).all()
    for at, bound, target in zip(found.steps, found.bound, targets, strict=True):
        if bound == "lower":
            assert (at, min(losses) > target) == (steps[-1], True)
        elif bound == "upper":
            assert (at, losses[0] < target) == (steps[0], True)
        else:  # exact: reached by the observation at or after it, by none before
            assert min(loss for s, loss in zip(steps, losses, strict=True) if s < at + 25) <= target
            assert all(loss > target for s, loss in zip(steps, losses, strict=True) if s < at)


@given(losses=st.lists(st.floats(0.5, 10), min_size=2, max_size=12, unique=True))
def test_a_lower_loss_never_takes_fewer_steps(losses):
    steps = np.arange(1, len(losses) + 1) * 25
    targets = np.linspace(max(losses), min(losses), 30)
    assert (np.diff(steps_to_reach(steps, losses, targets).steps) >= -1e-9).all()


def test_between_two_observations_the_logarithm_of_steps_is_straight():
    found = steps_to_reach([100, 400], [5.0, 3.0], [5.0, 4.5, 4.0, 3.0])
    np.testing.assert_allclose(found.steps, [100, 100 * 4**0.25, 200, 400])
    assert found.bound.tolist() == [""] * 4


def test_a_rise_in_between_is_ignored():
    """5, 3, 4, 2: the running minimum stays at 3 until it is beaten."""
    found = steps_to_reach([100, 200, 400, 800], [5.0, 3.0, 4.0, 2.0], [3.5, 2.5])
    np.testing.assert_allclose(found.steps, [100 * 2**0.75, 400 * 2**0.5])


def test_both_ends_are_bounds():
    found = steps_to_reach([100, 400], [5.0, 3.0], [2.999, 5.001])
    assert found.steps.tolist() == [400, 100]
    assert found.bound.tolist() == ["lower", "upper"]


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_diverged_observations_are_left_out(lost):
    with_lost = steps_to_reach([100, 200, 400], [5.0, lost, 3.0], [4.0])
    assert with_lost.steps.tolist() == steps_to_reach([100, 400], [5.0, 3.0], [4.0]).steps.tolist()


def test_step_zero_is_left_out():
    found = steps_to_reach([0, 100, 400], [9.0, 5.0, 3.0], [6.0])
    assert (found.steps.tolist(), found.bound.tolist()) == ([100], ["upper"])


def test_of_no_curve_and_of_no_target_nothing_is_said():
    for found in (steps_to_reach([], [], [4.0]), steps_to_reach([100], [np.nan], [4.0])):
        assert np.isnan(found.steps).all()
        assert found.bound.tolist() == ["mixed"]
    found = steps_to_reach([100, 400], [5.0, 3.0], [np.nan, 4.0])
    assert np.isnan(found.steps[0])
    assert found.bound.tolist() == ["mixed", ""]


@pytest.mark.parametrize(("target", "bound"), [(3.0, "lower"), (4.0, ""), (5.0, "upper")])
def test_a_single_observation(target, bound):
    found = steps_to_reach([100], [4.0], [target])
    assert (found.steps.tolist(), found.bound.tolist()) == ([100], [bound])


@pytest.mark.parametrize(
    ("bounds", "together"),
    [
        (["", ""], ""),
        (["", "lower"], "lower"),
        (["upper", "upper", ""], "upper"),
        (["lower", "upper"], "mixed"),
        (["mixed", ""], "mixed"),
        ([], ""),
    ],
)
def test_the_bound_of_a_mean(bounds, together):
    assert combined_bound(bounds) == together


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8))
def test_the_mean_of_factors_is_geometric(values):
    assert geometric_mean(values) == pytest.approx(np.prod(values) ** (1 / len(values)))
    inverse = geometric_mean([1 / value for value in values])
    assert inverse * geometric_mean(values) == pytest.approx(1)
