import math

import pytest
import torch
from draws import orthogonal
from hypothesis import given
from hypothesis import strategies as st
from tolerances import rounding

from ngpt_inspect.numerics.sphere import angles, directions, picture


def great_circle(steps, size=12, seed=0):
    """Points on one great circle of a random plane, at these angles from the first axis."""
    plane = orthogonal(size, seed=seed)[:2]
    t = torch.as_tensor(steps, dtype=torch.float64)[:, None]
    return t.cos() * plane[0] + t.sin() * plane[1]


def tangent_fan(lengths, azimuths, size=12, seed=0):
    """A centre and points at these angles from it, in these directions of a tangent plane."""
    centre, *axes = orthogonal(size, seed=seed)[:3]
    t, a = (torch.as_tensor(x, dtype=torch.float64)[:, None] for x in (lengths, azimuths))
    tangent = a.cos() * axes[0] + a.sin() * axes[1]
    return centre, t.cos() * centre + t.sin() * tangent


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-8, 0.3, math.pi / 2, 3.0, math.pi - 1e-8])
@pytest.mark.parametrize("lengths", [(1.0, 1.0), (3e-200, 7e200)])
def test_angles_are_exact_however_small_or_straight(angle, lengths):
    x = torch.tensor([1.0, 0, 0], dtype=torch.float64) * lengths[0]
    y = torch.tensor([math.cos(angle), 0, math.sin(angle)], dtype=torch.float64) * lengths[1]
    assert angles(x, y).item() == pytest.approx(angle, rel=rounding(3))
    assert angles(x, -y).item() == pytest.approx(math.pi - angle, rel=rounding(3))


def test_angles_of_what_has_no_direction_are_nan():
    x, zero = torch.ones(3), torch.zeros(3)
    assert angles(torch.stack((x, zero)), torch.stack((zero, zero))).isnan().all()
    assert angles(x, x).item() == 0


def test_a_path_on_a_great_circle_adds_up():
    steps = torch.tensor([0.0, 0.1, 0.35, 0.36, 1.2])
    path = great_circle(steps)
    torch.testing.assert_close(
        angles(path[1:], path[:-1]), steps.double().diff(), atol=rounding(12), rtol=0
    )
    assert angles(path[0], path[-1]).item() == pytest.approx(steps[-1].item(), rel=rounding(12))


vectors = st.lists(st.floats(-1, 1), min_size=5, max_size=5).map(torch.tensor)


@given(vectors, vectors, vectors, st.floats(1e-3, 1e3))
def test_angles_are_a_distance_on_the_sphere(x, y, z, scale):
    if min(v.abs().max() for v in (x, y, z)) < 1e-6:
        return
    assert angles(x, z) <= angles(x, y) + angles(y, z) + rounding(5)
    assert angles(x, y) == angles(y, x)
    torch.testing.assert_close(
        angles(x * scale, y), angles(x, y), atol=rounding(5, dtype=x.dtype), rtol=0
    )
    turn = orthogonal(5, seed=1)
    turned = angles(x.double() @ turn, y.double() @ turn)
    torch.testing.assert_close(turned, angles(x, y), atol=rounding(5 * 5), rtol=0)


def test_the_picture_of_a_great_circle_is_a_straight_line_that_keeps_every_angle():
    steps = torch.tensor([0.0, 0.1, 0.35, 0.36, 1.2], dtype=torch.float64)
    path = great_circle(steps)
    drawn = picture(path, path[-1])
    expected = torch.stack((steps - 1.2, torch.zeros(5)), -1)
    torch.testing.assert_close(drawn.points, expected, atol=math.sqrt(rounding(12)), rtol=0)
    assert drawn.stress.item() < math.sqrt(rounding(12)), "a picture is from a Gram matrix"


def test_directions_at_the_centre_are_kept_and_so_is_every_distance_to_it():
    lengths, azimuths = [0.9, 0.5, 1.3, 2.5, 0.0], [0.4, 1.0, 2.0, 3.5, 0.0]
    centre, points = tangent_fan(lengths, azimuths)
    drawn = picture(points, centre)
    # turned until the first is at pi; the mirror image leans to positive y
    turned = torch.tensor(azimuths) - 0.4 + math.pi
    expected = torch.stack((turned.cos(), turned.sin()), -1) * torch.tensor(lengths)[:, None]
    y = expected[:, 1]
    expected[:, 1] = y * torch.sign((y.abs() * y).sum())
    torch.testing.assert_close(
        drawn.points, expected.double(), atol=rounding(12, dtype=torch.float32), rtol=0
    )
    assert drawn.stress > 0.01  # a sphere is not flat


def test_stress_is_that_of_all_pairs():
    points = torch.randn(6, 9, generator=torch.Generator().manual_seed(3))
    drawn = picture(points, points[-1])
    error = total = 0.0
    for i in range(6):
        for j in range(i):
            wanted = math.acos(float(torch.cosine_similarity(points[i], points[j], dim=0)))
            error += (math.dist(drawn.points[i], drawn.points[j]) - wanted) ** 2
            total += wanted**2
    assert drawn.stress.item() == pytest.approx(
        math.sqrt(error / total), rel=rounding(9, dtype=points.dtype)
    )
    assert drawn.stress > 0.05


@given(st.integers(0, 1000))
def test_every_distance_to_the_centre_is_the_angle_and_rotations_change_nothing(seed):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(3, 7, 10, generator=generator, dtype=torch.float64)
    centre = torch.randn(3, 10, generator=generator, dtype=torch.float64)
    drawn = picture(points, centre)
    radii = torch.linalg.vector_norm(drawn.points, dim=-1)
    torch.testing.assert_close(radii, angles(points, centre[:, None]))
    assert (drawn.points[:, 0, 1].abs() < rounding(10)).all()
    assert (drawn.points[:, 0, 0] < 0).all()
    turn = orthogonal(10, seed=seed)
    again = picture(points @ turn, centre @ turn)
    torch.testing.assert_close(again.points, drawn.points, atol=1e-6, rtol=0)
    torch.testing.assert_close(again.stress, drawn.stress)


def test_what_has_no_place_is_nan_and_the_rest_stays():
    centre, points = tangent_fan([0.5, 0.7], [0.0, 1.0])
    more = torch.cat((points, -centre[None], torch.zeros(1, 12)))
    drawn = picture(more, centre)
    torch.testing.assert_close(drawn.points[:2], picture(points, centre).points)
    assert drawn.points[2:].isnan().all()
    assert drawn.stress.item() == pytest.approx(picture(points, centre).stress.item())
    assert picture(points, torch.zeros(12)).points.isnan().all()


def test_a_point_alone_and_no_point_but_the_centre():
    centre, points = tangent_fan([0.5], [1.0])
    torch.testing.assert_close(
        picture(points, centre).points, torch.tensor([[-0.5, 0.0]], dtype=torch.float64)
    )
    alone = picture(centre[None], centre)
    assert torch.equal(alone.points, torch.zeros(1, 2, dtype=torch.float64))
    assert alone.stress.isnan()


def test_directions_have_length_one():
    x = torch.tensor([[3e-300, 4e-300], [3e300, 4e300]], dtype=torch.float64)
    torch.testing.assert_close(directions(x), torch.tensor([[0.6, 0.8]] * 2, dtype=torch.float64))
