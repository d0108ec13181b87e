"""What a setting says, held against the words of a declaration."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def fitting(said: object, words: Iterable[str]) -> str | None:
    """Return the word that a setting is, or None.

    ``*`` in a word is any run of characters, so alone any value; of several that fit the longest
    is meant. ``true`` and ``false`` are flags.
    """
    text = str(said).lower() if isinstance(said, bool) else str(said)
    return max((word for word in words if fnmatchcase(text, word)), key=len, default=None)


def says(said: object, words: Iterable[str]) -> bool:
    """Return whether a setting is one of these words."""
    return fitting(said, words) is not None
