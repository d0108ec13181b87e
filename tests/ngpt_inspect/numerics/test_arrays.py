import math

import numpy as np
import pytest

from ngpt_inspect.numerics.arrays import BLOCK_ELEMENTS, column_norms, require_finite, row_norms
from ngpt_inspect.numerics.finite import NonFinite


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_norms_of_known_triangles(dtype: str) -> None:
    x = np.array([[3, 4, 0], [0, 5, 12]], dtype)
    np.testing.assert_array_equal(row_norms(x), [5, 13])
    np.testing.assert_array_equal(column_norms(x), [3, math.sqrt(41), 12])


def test_squares_beyond_float64_do_no_harm() -> None:
    x = np.array([[3e200, 4e200], [3e-200, 4e-200], [5e-324, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(row_norms(x), [5e200, 5e-200, 5e-324, 0.0], rtol=4 * 2.0**-52)
    np.testing.assert_allclose(column_norms(x), [3e200, 4e200], rtol=4 * 2.0**-52)


def test_many_blocks_are_one_matrix() -> None:
    x = np.random.default_rng(0).normal(size=(3 * BLOCK_ELEMENTS // 64 + 5, 64)).astype("float32")
    exact = np.array([math.sqrt(math.fsum((row.astype(float) ** 2).tolist())) for row in x[::997]])
    np.testing.assert_allclose(row_norms(x)[::997], exact, rtol=64 * 2.0**-52)
    np.testing.assert_allclose(
        math.fsum((column_norms(x) ** 2).tolist()),
        math.fsum((row_norms(x) ** 2).tolist()),
        rtol=len(x) * 2.0**-52,
    )


def test_nothing_has_no_norms() -> None:
    assert row_norms(np.zeros((0, 3))).shape == (0,)
    np.testing.assert_array_equal(column_norms(np.zeros((0, 3), "float32")), [0, 0, 0])


def test_what_is_not_finite_is_counted() -> None:
    x = np.zeros((2, 3), "float16")
    require_finite(x)
    require_finite(np.float64(1.0) * np.ones(()))
    x[0, 1], x[1, 2] = np.inf, np.nan
    with pytest.raises(NonFinite, match=r"^2 of 6 values"):
        require_finite(x)
