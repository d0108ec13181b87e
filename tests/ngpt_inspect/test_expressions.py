import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngpt_inspect.expressions import evaluate, names_in, require_arithmetic, solve


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2*d_mlp", 48),
        ("d_model**-0.5", 0.25),
        (" alpha_init / base_scale ", 0.4),
        ("-d_mlp + 3*2", -18),
        ("d_mlp//5", 4),
        ("1", 1),
        ("0.05", 0.05),
        ("(d_mlp < 30) * 2 + (d_mlp >= 30)", 2),
        ("(d_model < 16) * 2 + (d_model >= 16)", 1),
    ],
)
def test_value(expression: str, value: float) -> None:
    names = {"d_mlp": 24, "d_model": 16, "alpha_init": 0.05, "base_scale": 0.125}
    assert evaluate(expression, names) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').getcwd()",
        "d.real",
        "[1][0]",
        "d if d else 1",
        "'x'*3",
        "True",
        "lambda: 1",
        "d @ d",
        "d < 1 < 2",
        "d > 1",
        "d == 1",
        "d; 1",
        "",
        "2*",
    ],
)
def test_nothing_but_arithmetic(expression: str) -> None:
    with pytest.raises(ValueError, match="arithmetic"):
        evaluate(expression, {"d": 1})


def test_unknown_name() -> None:
    with pytest.raises(KeyError, match="d_k"):
        evaluate("n_heads*d_k", {"n_heads": 2})


def test_names() -> None:
    assert names_in("n_heads*d_k + 2*n_heads") == {"n_heads", "d_k"}


def test_solve_says_when_it_cannot() -> None:
    assert solve("n_heads*d_k", 768, {"n_heads": 12}) == ("d_k", 64)
    assert solve("n_heads*d_k", 768, {}) is None, "two unknowns"
    assert solve("n_heads*d_k", 768, {"n_heads": 12, "d_k": 64}) is None, "none"
    assert solve("n_heads*d_k", 770, {"n_heads": 12}) is None, "no whole number"
    assert solve("0*d_k", 0, {}) is None, "any number would do"


@given(st.integers(1, 50), st.integers(1, 50), st.integers(-20, 20), st.integers(0, 10_000))
def test_a_solution_solves(a: int, b: int, offset: int, total: int) -> None:
    names = {"a": a, "b": b}
    solved = solve(f"a*b*x + {offset}", total, names)
    fits = (total - offset) % (a * b) == 0
    assert (solved is not None) == fits
    if solved is not None:
        assert evaluate(f"a*b*x + {offset}", names | {"x": solved[1]}) == total


@pytest.mark.parametrize("expression", ["9**9**9**9", "1/0*d", "1+" * 200 + "1", "d.real", "2*"])
def test_what_cannot_be_meant_is_refused_before_it_is_computed(expression: str) -> None:
    with pytest.raises(ValueError, match=r"computed|too long|arithmetic"):
        require_arithmetic(expression)
    require_arithmetic("(layer < n) * 0.5 / d_model**0.5")


@pytest.mark.parametrize("expression", ["(0-n)**0.5", "1e308*n*10", "1/(n-4)", "10.0**n**n**n"])
def test_no_finite_real_number_is_no_value(expression: str) -> None:
    with pytest.raises(ArithmeticError):
        evaluate(expression, {"n": 4})


def test_what_is_divided_by_the_unknown_is_not_solved() -> None:
    assert solve("12/n", 3, {}) is None
