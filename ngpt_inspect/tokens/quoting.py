r"""Writes a token so that no two tokens look alike and nothing of it is invisible.

A space is ``␣``. ``\n``, ``\r``, ``\t`` and ``\\`` are as in Python. Every other character that
cannot be seen by itself (controls, zero-width and direction marks, other spaces, accents that
would join the character before them) is ``\u200b`` or ``\U000e0001``, and so is a ``␣`` that
the token holds itself. A byte that is not part of valid UTF-8 is ``\xe2``.
"""

import unicodedata

SPACE = "␣"
LONGEST = 80
"""Characters of a token that are shown; what was cut is counted."""
NAMED = {" ": SPACE, "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def shown_text(text: str) -> str:
    """Return a text as tables show it."""
    return _cut("".join(_character(char, first=not place) for place, char in enumerate(text)))


def shown_bytes(data: bytes) -> str:
    """Return bytes as tables show them: UTF-8 where it is valid, the other bytes one by one."""
    # What is no UTF-8 becomes a lone surrogate, U+DC80 to U+DCFF, which valid UTF-8 never gives.
    text = data.decode("utf-8", "surrogateescape")
    shown = (
        f"\\x{ord(char) - 0xDC00:02x}"
        if 0xDC80 <= ord(char) <= 0xDCFF
        else _character(char, first=not place)
        for place, char in enumerate(text)
    )
    return _cut("".join(shown))


def _character(char: str, *, first: bool) -> str:
    if char in NAMED:
        return NAMED[char]
    code = ord(char)
    joins = first and unicodedata.category(char).startswith("M")
    if char.isprintable() and char != SPACE and not joins:
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… (+{len(text) - LONGEST})"
