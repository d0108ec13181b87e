"""What a setting says, held against the words of a declaration."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from ngpt_inspect.stored import Contents


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


def holds(contents: Contents, when: Mapping[str, Iterable[str]]) -> bool:
    """Return whether each of these settings, found or a whole path, is one of its words."""
    for setting, words in when.items():
        found = contents.find(setting)
        said = contents.lookup(setting) if found is None else found[0]
        if said is None or not says(said, words):
            return False
    return True
