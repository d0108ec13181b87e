"""Things that go by names: what is meant by one, and what may have been meant."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from os import PathLike
from typing import Any, TypeVar

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.wording import shown

T = TypeVar("T")
LONGEST = 80
"""Characters of a name that are repeated."""
ALIKE = 0.75
"""Share of letters in common from which on a name is taken for a slip of another."""


def named(name: str, there: Mapping[str, T], what: str, *, where: str = "") -> T:
    """Return what goes by a name, spelled with underscores or hyphens.

    Parameters
    ----------
    name
        As somebody wrote it.
    there
        Name -> thing.
    what
        The sort of thing, for the message: ``measure``.
    where
        The option or argument that it was written for.

    Raises
    ------
    WrongOption
        There is none; the message says which are alike, and lists all.
    """
    for spelling in (name, name.replace("-", "_")) if isinstance(name, str) else ():
        if spelling in there:
            return there[spelling]
    said = shown(repr(name), LONGEST)
    raise WrongOption(f"no {what} {said}", where=where, next_step=meant(str(name), there))


def meant(name: str, known: Iterable[str], lead: str = "there are", most: int | None = None) -> str:
    """Return what to do about a name: ``did you mean W_q? there are W_q, W_k``, case aside.

    Of more than `most` names the others are counted.
    """
    spelled = {each.lower().replace("-", "_"): each for each in known}
    word = name.lower().replace("-", "_")
    near = [word] if word in spelled else get_close_matches(word, spelled, n=2, cutoff=ALIKE)
    alike = [spelled[each] for each in near]
    guess = f"did you mean {' or '.join(alike)}? " if alike else ""
    names = list(spelled.values())
    more = len(names) - (most or len(names))
    listed = [*names[:most], f"{more} more"] if more > 0 else names
    return f"{guess}{lead} {', '.join(listed) or 'none'}"


def several(one_or_many: Any, *kinds: type, what: str) -> list[Any]:
    """Return several things, given one or several.

    Parameters
    ----------
    one_or_many
        A text and a path are one, whatever could be gone through.
    kinds
        And so is what is of these types.
    what
        The sort of thing, for the message: ``a checkpoint``.

    Raises
    ------
    WrongOption
        It is neither.
    """
    if isinstance(one_or_many, (str, PathLike, *kinds)):
        return [one_or_many]
    if not isinstance(one_or_many, Iterable):
        said = shown(repr(one_or_many), LONGEST)
        raise WrongOption(f"{said} is not {what}", next_step="give one, or a list")
    return list(one_or_many)
