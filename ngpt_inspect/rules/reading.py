"""Rules files: TOML to rules, with what is wrong said in one line."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.house import house
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.naming import meant, named
from ngpt_inspect.rules.rule import (
    ANY_ROLE,
    COMPARISONS,
    Against,
    CheckRule,
    RowState,
    Scope,
    Severity,
)
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import ModelShape

DEFAULT = "default"
"""The name of the rules that are shipped."""
DEFAULT_FILE = Path(__file__).with_name("default.toml")
VARIABLE = "NGPT_INSPECT_RULES"
"""The environment variable that names the rules file where no option does."""
FACTS = (
    "family",
    "architecture",
    "dtype",
    "step",
    "parameters",
    "unrecognised",
    *ModelShape.__annotations__,
)
TOP = ("extends", "drop", "options", "rule")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
ENUMS: dict[str, type[Severity] | type[Scope] | type[Against] | type[RowState]] = {
    **{"severity": Severity, "over": Scope, "base": Against, "status": RowState}
}
LISTS = {"measure": str, "roles": str, "families": str, "layers": int}
"""Keys with one value or a list, and of what."""
TEXTS = (
    *("name", "quantity", "statistic", "fact", "relative_to", "comparison"),
    *("item", "about", "when", "advice"),
)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a rules file says."""

    where: str
    rules: tuple[CheckRule, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of measures, by name."""

    def __iter__(self) -> Iterator[CheckRule]:
        return iter(self.rules)

    def of_name(self, name: str) -> CheckRule:
        """Return a rule by its name; WrongOption where there is none."""
        there = {rule.name: rule for rule in self.rules}
        return named(name, there, "rule", where=self.where)

    def options_of(self, measures: Sequence[str]) -> dict[str, Any]:
        """Return those settings that these measures have."""
        known = {setting.name for name in measures for setting in MEASURES[name].options}
        return {name: value for name, value in self.options.items() if name in known}

    @property
    def health_measures(self) -> tuple[str, ...]:
        """The measures that health reads, in the order of the file."""
        return measures_of([rule for rule in self.rules if rule.item])


def measures_of(rules: Sequence[CheckRule]) -> tuple[str, ...]:
    """Return the measures that rules read, in their order."""
    return tuple(dict.fromkeys(name for rule in rules for name in rule.reads))


def rules_of(path: Path | str | None) -> Rules:
    """Return the rules of a file, or where none is named those in force."""
    return in_force() if path is None else read_rules(Path(path))


def in_force() -> Rules:
    """Return the rules that hold where nobody names any.

    Those of $NGPT_INSPECT_RULES, else of the house defaults, else those that are shipped.
    """
    path = os.environ.get(VARIABLE) or house().rules
    return read_rules(Path(path)) if path else shipped()


@lru_cache
def shipped() -> Rules:
    """Return the rules that come with the package."""
    return read_rules(DEFAULT_FILE)


def read_rules(path: Path) -> Rules:
    """Return the rules of a file; `default` names those that are shipped.

    Raises
    ------
    WrongOption
        It cannot be read, is no TOML, or says what cannot be meant: the line says where.
    """
    if str(path) == DEFAULT:
        return shipped()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongOption(
            f"cannot be read ({error.strerror})", where=str(path), next_step="name a rules file"
        ) from None
    except (ValueError, RecursionError) as error:
        raise WrongOption(
            f"is no TOML ({error})", where=str(path), next_step="correct it (docs/rules.md)"
        ) from None
    where = DEFAULT if path == DEFAULT_FILE else str(path)
    _known(told, TOP, where)
    own = told.get("rule", [])
    if not isinstance(own, list) or not all(isinstance(each, dict) for each in own):
        raise WrongOption("rule is no list of tables", where=where, next_step="write [[rule]]")
    rules = _joined(_base_of(told, where), own, _dropped(told, where), where)
    return Rules(where=where, rules=rules, options=_options(told.get("options", {}), where))


def _base_of(told: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Return the rules that a file builds on, as they are written."""
    extends = told.get("extends")
    if extends is None:
        return []
    if extends != DEFAULT:
        raise WrongOption(
            f"extends is {extends!r}", where=where, next_step=f'say "{DEFAULT}", or leave it out'
        )
    written: list[dict[str, Any]] = tomllib.loads(DEFAULT_FILE.read_text("utf-8"))["rule"]
    return written


def _dropped(told: Mapping[str, Any], where: str) -> list[str]:
    drop = told.get("drop", [])
    if not isinstance(drop, list) or not all(isinstance(each, str) for each in drop):
        raise WrongOption("drop is no list", where=where, next_step='write drop = ["dead-rows"]')
    return drop


def _joined(
    base: list[dict[str, Any]], own: list[dict[str, Any]], drop: list[str], where: str
) -> tuple[CheckRule, ...]:
    """Return base and own rules; an own one of the same name changes what it says."""
    by_name = {each["name"]: each for each in base}
    for name in drop:
        named(name, by_name, "rule to drop", where=where)
        del by_name[name]
    seen: set[str] = set()
    for number, each in enumerate(own, 1):
        name = str(each.get("name", ""))
        if not NAME.fullmatch(name):
            raise WrongOption(
                f"rule {number} has no name of lower-case words with hyphens",
                where=where,
                next_step='write name = "my-rule"',
            )
        if name in seen:
            raise WrongOption(
                f"two rules are named {name}", where=where, next_step="rename one of them"
            )
        seen.add(name)
        by_name[name] = by_name.get(name, {}) | each
    if not by_name:
        raise WrongOption(
            "there is no rule", where=where, next_step='write [[rule]], or extends = "default"'
        )
    return tuple(_rule(each, f"{where}: rule {each['name']}") for each in by_name.values())


def _rule(told: Mapping[str, Any], where: str) -> CheckRule:
    _known(told, [each.name for each in fields(CheckRule)], where)
    taken = {key: _taken(key, value, where) for key, value in told.items()}
    if "severity" not in taken:
        raise WrongOption(
            "has no severity", where=where, next_step='write severity = "error" or "warning"'
        )
    rule = CheckRule(**taken)
    _coherent(rule, where)
    return rule


def _taken(key: str, value: Any, where: str) -> Any:
    """Return a value as the rule has it."""
    at = f"{where}: {key}"
    if key in ENUMS:
        return named(_of(str, value, at), {str(each): each for each in ENUMS[key]}, key, where=at)
    if key in LISTS:
        many = value if isinstance(value, list) else [value]
        return tuple(_of(LISTS[key], each, at) for each in many)
    if key in TEXTS:
        return _of(str, value, at)
    if key == "allowed":
        share = _of(float, value, at)
        if not 0 <= share < 1:
            raise WrongOption(f"{share:g} is no share", where=at, next_step="give 0 to below 1")
        return share
    if key == "where":
        if not isinstance(value, dict):
            raise WrongOption("is no table", where=at, next_step="write { unit_norm = 0 }")
        return {name: _of(float, each, at) for name, each in value.items()}
    return value if isinstance(value, str) else _of(float, value, at)  # the bound


def _of(kind: type, value: Any, where: str) -> Any:
    """Return a value of a type; a whole number serves as a number, NaN as none."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or value != value:
        said = {str: "a text", int: "a whole number", float: "a number"}[kind]
        raise WrongOption(f"is {value!r}", where=where, next_step=f"give {said}")
    return value


def _coherent(rule: CheckRule, where: str) -> None:
    """Refuse names that there are not, and what does not say one thing."""
    for name in rule.measure:
        named(name, MEASURES, "measure", where=where)
    everything = {name for each in MEASURES.values() for name in each.quantities}
    if rule.quantity is not None:
        there = {name for each in rule.measure for name in MEASURES[each].quantities}
        named(rule.quantity, dict.fromkeys(sorted(there)), "quantity", where=where)
    for name in rule.where:
        named(name, dict.fromkeys(sorted(everything)), "quantity", where=where)
    for name in rule.roles:
        named(name, dict.fromkeys([ANY_ROLE, *map(str, Role)]), "role", where=where)
    if rule.fact is not None:
        named(rule.fact, dict.fromkeys(FACTS), "fact", where=where)
    if rule.comparison is not None:
        named(rule.comparison, COMPARISONS, "comparison", where=where)
    wrong = _contradiction(rule)
    if wrong:
        raise WrongOption(wrong[0], where=where, next_step=wrong[1])


def _contradiction(rule: CheckRule) -> tuple[str, str] | None:
    """Return what a rule says too much or too little, and what to do."""
    if (rule.fact is None) == (not rule.measure):
        return "looks at nothing, or at two things", "give it a measure or a fact"
    compared = rule.comparison is not None and rule.bound is not None
    if rule.fact is not None:
        if rule.base not in (None, Against.SAME):
            return f"a fact has no {rule.base}", 'write base = "same"'
        return None if compared != (rule.base is not None) else _NO_BOUND
    if rule.base is Against.SAME:
        return "numbers are not just the same", 'write base = "ratio", with a bound'
    if rule.status is not None:
        return ("a status has no bound", "leave one out") if compared else None
    if len(rule.measure) != 1:
        return "names several measures", "name one, or a status"
    return None if compared and isinstance(rule.bound, float) else _NO_BOUND


_NO_BOUND = ("has no bound to compare with", 'write comparison = ">" and bound = 10')


def _options(told: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise WrongOption("options is no table", where=where, next_step="write [options]")
    known = [setting.name for each in MEASURES.values() for setting in each.options]
    _known(told, known, f"{where}: options")
    return told


def _known(told: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in told:
        if key not in known:
            raise WrongOption(f"no key {key!r}", where=where, next_step=meant(str(key), known))
