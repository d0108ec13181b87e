"""What a caller may choose of a figure: its width, and the options it declares."""

from collections.abc import Mapping, Sequence
from typing import Any

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.figures import FIGURES, Choice, Figure
from ngpt_inspect.figures.canvas.theme import ONE_COLUMN, TWO_COLUMNS
from ngpt_inspect.figures.drawing.choices import roles_named
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.naming import meant, named
from ngpt_inspect.vocabulary import OUTSIDE_LAYERS

WIDTHS = {"one": ONE_COLUMN, "two": TWO_COLUMNS}
"""Pixels by the columns of a page that a figure spans."""
LEAST_WIDTH = 240
"""Pixels: below, not even one panel has room for its labels."""


def figure_named(name: str) -> Figure:
    """Return a figure by its name, with underscores or hyphens.

    Raises
    ------
    WrongOption
        There is none; the message lists them.
    """
    return named(name, FIGURES, "figure")


def width_chosen(width: int | str | None) -> dict[str, int]:
    """Return the width as `draw` takes it: nothing where nothing is chosen.

    Raises
    ------
    WrongOption
        Neither "one" nor "two" nor a number of pixels that has room for a panel.
    """
    if width is None:
        return {}
    told = int(width) if isinstance(width, str) and width.isdecimal() else width
    pixels = WIDTHS.get(told) if isinstance(told, str) else told
    if pixels is None or pixels < LEAST_WIDTH:
        raise WrongOption(
            f"width {width!r}",
            next_step=f'say "one" or "two" columns, or pixels from {LEAST_WIDTH}',
        )
    return {"width": pixels}


def checked(chosen: Figure, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that a figure declares, with a value it offers.

    Raises
    ------
    WrongOption
        It does not declare the option, or does not offer the value.
    """
    declared = {option.name: option for option in chosen.options}
    for name, value in given.items():
        if name not in declared:
            raise WrongOption(
                f"{chosen.name} has no option {name}",
                next_step=meant(name, declared, "its options are:"),
            )
        if not _offers(declared[name], value):
            raise WrongOption(f"{name} is {value!r}", next_step=f"say {_said([declared[name]])}")
    return dict(given)


def shared_out(chosen: Sequence[Figure], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give every figure, by name, those options it declares and offers the value of.

    Raises
    ------
    WrongOption
        None of the figures declares an option, or none offers its value.
    """
    for name, value in given.items():
        declared = [option for each in chosen for option in each.options if option.name == name]
        if not declared:
            known = dict.fromkeys(option.name for each in chosen for option in each.options)
            raise WrongOption(
                f"no figure here has an option {name}",
                next_step=meant(name, known, "their options are:"),
            )
        if not any(_offers(option, value) for option in declared):
            raise WrongOption(f"{name} is {value!r}", next_step=f"say {_said(declared)}")
    return {
        each.name: {
            option.name: given[option.name]
            for option in each.options
            if option.name in given and _offers(option, given[option.name])
        }
        for each in chosen
    }


def scope(chosen: Figure, given: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the layers and roles a figure draws with these options, as `measure` takes them.

    An option `layer` or `role` leaves one layer, or the roles it names; nothing else need be
    measured. What is not in the answer is not restricted.
    """
    taken = {option.name: given.get(option.name, option.usual) for option in chosen.options}
    found: dict[str, tuple[Any, ...]] = {}
    if "layer" in taken:
        found["layers"] = (taken["layer"],)
    if "role" in taken:
        found["roles"] = tuple(str(role) for role in roles_named(taken["role"]))
    elif chosen.roles is not None:
        found["roles"] = chosen.roles
    if set(found.get("roles", ("",))) <= set(OUTSIDE_LAYERS):
        found.pop("layers", None)
    return found


def measured_with(chosen: Sequence[Figure], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those options that are for the measures these figures need, not for the figures."""
    declared = {option.name for each in chosen for option in each.options}
    needs = {need for each in chosen for need in each.needs}
    needs |= {
        n for each in chosen for o in each.options for named in o.needs.values() for n in named
    }
    settings = {option.name for need in needs for option in MEASURES[need].options}
    return {name: value for name, value in given.items() if name in settings - declared}


def spoken(words: Sequence[str]) -> dict[str, Any]:
    """Return what ``view=histogram`` and ``layer=3`` say, each value as it is declared.

    Raises
    ------
    WrongOption
        Not of the form NAME=VALUE.
    """
    offered: dict[str, list[Any]] = {}
    for option in (option for figure in FIGURES.values() for option in figure.options):
        offered.setdefault(option.name, []).extend(option.values)
    for setting in (setting for measure in MEASURES.values() for setting in measure.options):
        if isinstance(setting.default, bool):
            offered.setdefault(setting.name, []).extend((False, True))
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip().replace("-", "_")
        if not (name and equals):
            raise WrongOption(f"{word!r} sets nothing", next_step="say NAME=VALUE: layer=3")
        named = {str(value).lower(): value for value in offered.get(name, ())}
        number = int(text) if text.strip().isdecimal() else text
        given[name] = named.get(text.strip().lower(), number)
    return given


def _offers(option: Choice, value: Any) -> bool:
    return value in option.values if option.values else type(value) is int and value >= 0


def _said(options: Sequence[Choice]) -> str:
    values = dict.fromkeys(str(value) for option in options for value in option.values)
    return ", ".join(values) or "a whole number from 0"
