"""What is asked for, by name and by value; what cannot be meant is one line that says what can."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from numbers import Integral, Real
from typing import Any

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.measures import MEASURES, Measure, Setting
from ngpt_inspect.naming import meant, named, several
from ngpt_inspect.places import Openable, is_one
from ngpt_inspect.tables.devices import usable
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

Source = WeightSet | Openable


def measure_named(name: str) -> Measure:
    """Return a measure by its name, with underscores or hyphens.

    Raises
    ------
    WrongOption
        There is none; the message lists them.
    """
    return named(name, MEASURES, "measure")


def measures_named(measures: str | Sequence[str]) -> list[Measure]:
    """Return the measures that are asked for, one or several.

    Raises
    ------
    WrongOption
        As `measure_named`.
    """
    return [measure_named(name) for name in several(measures, what="a measure")]


def role_named(name: str) -> Role:
    """Return a role by its spelling in the paper.

    Raises
    ------
    WrongOption
        There is none; the message lists them.
    """
    return named(name, {str(role): role for role in Role}, "role")


def roles_named(roles: str | Sequence[str] | None) -> tuple[Role, ...] | None:
    """Return the roles that are asked for, one or several; None for all.

    Raises
    ------
    WrongOption
        As `role_named`.
    """
    return None if roles is None else tuple(map(role_named, several(roles, what="a role")))


def layers_named(layers: int | Sequence[int] | None) -> list[int] | None:
    """Return the layers that are asked for, one or several; None for all.

    Raises
    ------
    WrongOption
        One is no whole number.
    """
    found = None if layers is None else several(layers, int, what="a layer")
    for each in found or ():
        if not isinstance(each, Integral):
            raise WrongOption(f"no layer {each!r}", next_step="give whole numbers from 0")
    return found


def device_for(device: str, executor: Executor | None) -> tuple[str, str]:
    """Return where to compute, and what is to be said of it.

    On an executor it is for whoever runs the job to say which devices there are.
    """
    return usable(device) if executor is None else (device, "")


def opened(sources: Source | Sequence[Source]) -> list[WeightSet]:
    """Open what is not open yet."""
    found: list[Any] = (
        [sources] if is_one(sources) else several(sources, WeightSet, what="a checkpoint")
    )
    if not found:
        raise WrongOption("nothing to measure", next_step="give at least one checkpoint")
    return [each if isinstance(each, WeightSet) else open_checkpoint(each) for each in found]


def settings_of(chosen: Sequence[Measure], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every option of the chosen measures, given or default.

    Raises
    ------
    WrongOption
        None of the measures has such an option, or it cannot have such a value.
    """
    known = {option.name: option.default for each in chosen for option in each.options}
    unknown = sorted(set(given) - set(known))
    if unknown:
        names = ", ".join(each.name for each in chosen)
        raise WrongOption(
            f"{names} has no option {', '.join(unknown)}",
            next_step=meant(unknown[0], known, "its options are:"),
        )
    settings = {setting.name: setting for each in chosen for setting in each.options}
    return known | {name: _checked(settings[name], value) for name, value in given.items()}


VALUES: dict[type, tuple[type, str]] = {
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
}
"""Type of a setting's default -> what is taken for it, and how to say so."""


def _checked(setting: Setting, value: Any) -> Any:
    """Return a value that a setting can have; a number for text as it is written."""
    kind, said = VALUES[type(setting.default)]
    if kind is str and isinstance(value, Integral):
        value = str(value)
    if setting.least is not None:
        said = f"{said} of at least {setting.least}"
    # NaN is not equal to itself
    fits = isinstance(value, kind) and value == value
    if not fits or (setting.least is not None and value < setting.least):
        raise WrongOption(f"{setting.name} is {value!r}", next_step=f"give {said}")
    return value
