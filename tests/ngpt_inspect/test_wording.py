import math

import pytest

from ngpt_inspect.wording import number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (3.14159, "3.142"),
        (-0.05, "-0.05"),
        (0.0001, "0.0001"),
        (0.00001234567, "1.235e-05"),
        (999_999.0, "1e+06"),
        (1_625_822.6972, "1.626e+06"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_four_digits(value: float, text: str) -> None:
    assert number(value) == text
