"""Settings that check themselves, and that files of older versions can still fill."""

import ast
import inspect
import math
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache
from typing import Any, Self

from reference_model.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of everything that a file stores by the names of its fields.

    A field added later needs a default under which the code does what it did before: files that
    lack it are read with that default. A docstring below a field is its help on a command line.
    """

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Rebuild settings from a file; what it lacks takes its default.

        Raises
        ------
        UsageError
            If a field is unknown, one without a default is missing, or a value is impossible.
        """
        known = {field.name: field for field in fields(cls)}
        if unknown := sorted(values.keys() - known.keys()):
            raise UsageError(
                f"{cls.__name__}: fields {', '.join(unknown)} are unknown; the file was written by "
                "a newer version of reference_model: update this one"
            )
        needed = {name for name, field in known.items() if _has_no_default(field)}
        if missing := sorted(needed - values.keys()):
            msg = f"{cls.__name__}: fields {', '.join(missing)} are missing; the file is not whole"
            raise UsageError(msg)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain numbers and strings."""
        return asdict(self)


def _has_no_default(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@cache  # reading and parsing the source takes longer than the rest of a command line
def field_docs(cls: type) -> dict[str, str]:
    """Docstring of each field that `cls` itself declares, on one line, in order; "" for none."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(cls)).body)  # type: ignore[attr-defined]
    docs: dict[str, str] = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            is_doc = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            docs[node.target.id] = " ".join(after.value.value.split()) if is_doc else ""
    return docs


def require_int(settings: object, least: int, *names: str) -> None:
    """Raise UsageError unless each of the fields is a whole number of at least so much."""
    for name in names:
        value = getattr(settings, name)
        if type(value) is not int or value < least:
            raise UsageError(f"{name}={value!r}: must be a whole number of at least {least}")


def require_positive(settings: object, *names: str) -> None:
    """Raise UsageError unless each of the fields is a finite number above 0."""
    for name in names:
        value = getattr(settings, name)
        if not (isinstance(value, int | float) and 0 < value < math.inf):
            raise UsageError(f"{name}={value!r}: must be a finite number above 0")


def require_choice(settings: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise UsageError unless the field, or each element of a tuple, is one of `choices`."""
    value = getattr(settings, name)
    for each in value if isinstance(value, tuple) else (value,):
        if each not in choices:
            raise UsageError(f"{name}={each!r}: choose one of {', '.join(choices)}")
