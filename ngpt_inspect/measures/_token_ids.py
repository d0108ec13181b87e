"""Token ids as an option spells them: ``262`` or ``5,50257-50303``."""

from ngpt_inspect.errors import InspectError, WrongOption

LONGEST = 9
"""Digits of an id; no vocabulary is that large."""


def token_ids(text: str, option: str, vocab_size: int) -> list[int]:
    """Return the ids of a list with commas and ranges, both ends included, each once.

    Raises
    ------
    WrongOption
        Not such a list.
    InspectError
        An id that this embedding has no row for; another may.
    """
    ids: dict[int, None] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdecimal() and len(end) <= LONGEST for end in ends):
            raise WrongOption(f"{option} is {part!r}", next_step="give token ids: 262 or 5,7-9")
        start, stop = map(int, ends)
        if not start <= stop < vocab_size:
            raise InspectError(
                f"{option} is {part}, and there is no such row",
                next_step=f"token ids are 0 to {vocab_size - 1}",
            )
        ids |= dict.fromkeys(range(start, stop + 1))
    return list(ids)
