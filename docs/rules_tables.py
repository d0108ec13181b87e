"""Tables of rules: the keys of a rules file, and the rules that are shipped."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields

from markdown_table import table

from ngpt_inspect.rules import CheckRule, shipped


def keys() -> str:
    """Return a row for each key of a rule, from the docstrings of its fields."""
    body = ast.parse(inspect.getsource(CheckRule)).body[0]
    assert isinstance(body, ast.ClassDef)
    told = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(text.value, ast.Constant)
            told[field.target.id] = " ".join(str(text.value.value).split())
    return table(
        ("key", "what it says"), ((f"`{each.name}`", told[each.name]) for each in fields(CheckRule))
    )


def rules() -> str:
    """Return a row for each rule that is shipped."""
    return table(
        ("rule", "severity", "broken", "of", "line of health"),
        (
            (
                f"`{rule.name}`",
                str(rule.severity),
                rule.words + (" (--base)" if rule.base else ""),
                ", ".join(f"`{name}`" for name in rule.measure) or f"fact `{rule.fact}`",
                "" if rule.item is None else f"`{rule.item}`",
            )
            for rule in shipped()
        ),
    )


MAKERS = {"keys of a rule": keys, "shipped rules": rules}
