"""Arithmetic in declarations: ``2*d_mlp``, ``d_model**-0.5``.

Numbers, names, + - * / // ** and, giving 1 or 0, < and >=.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache

LONGEST = 300
"""Characters; the longest of the built-in declarations has a hundred."""

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    # Of whole numbers it could run forever; of floats it overflows.
    ast.Pow: lambda base, exponent: float(base) ** exponent,
}

_COMPARED: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
}
"""1 or 0: ``(layer < 2) * 0.5`` says what holds in some layers only."""


def evaluate(expression: str, names: Mapping[str, float]) -> float:
    """Return the value of an arithmetic expression.

    Raises
    ------
    KeyError
        A name in it is not given.
    ValueError
        It is not plain arithmetic. Nothing else is ever evaluated.
    ArithmeticError
        It divides by zero, or is no finite real number.
    """
    value = _value(_parse(expression), names)
    if isinstance(value, complex) or not math.isfinite(value):
        raise ArithmeticError(f"{expression!r} is {value}, not a finite number")
    return value


def require_arithmetic(expression: str) -> None:
    """Refuse what `evaluate` would refuse, whatever its names stand for.

    Raises
    ------
    ValueError
        It is not plain arithmetic, too long to be meant, or too large to be computed.
    """
    if len(expression) > LONGEST:
        raise ValueError(f"{expression[:20]!r}... is too long")
    try:
        evaluate(expression, dict.fromkeys(names_in(expression), 2.0))
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"{expression!r} cannot be computed ({error})") from error


@lru_cache(maxsize=4096)
def names_in(expression: str) -> frozenset[str]:
    """Return the names an expression uses."""
    return frozenset(node.id for node in ast.walk(_parse(expression)) if isinstance(node, ast.Name))


def solve(expression: str, total: int, names: Mapping[str, float]) -> tuple[str, int] | None:
    """Return the one unknown whole number that makes a product or sum equal a total.

    ``solve("n_heads*d_k", 768, {"n_heads": 12})`` is ``("d_k", 64)``. None when nothing or
    more than one name is unknown, or no whole number fits.
    """
    unknown = names_in(expression) - set(names)
    if len(unknown) != 1:
        return None
    (name,) = unknown
    # Linear in its one unknown: two evaluations give slope and offset.
    try:
        offset = evaluate(expression, {**names, name: 0})
        slope = evaluate(expression, {**names, name: 1}) - offset
    except ArithmeticError:  # divided by the unknown, which is not linear
        return None
    if slope == 0 or (total - offset) % slope:
        return None
    return name, int((total - offset) // slope)


@lru_cache(maxsize=4096)
def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{expression!r} is not arithmetic") from error


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, names), _value(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
            return int(_COMPARED[type(op)](_value(left, names), _value(right, names)))
    raise ValueError(f"{ast.unparse(node)!r} is not plain arithmetic")
