"""The texts of a checkpoint's tokens, where a tokenizer lies beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from os import PathLike
from pathlib import Path

from ngpt_inspect.errors import InspectError
from ngpt_inspect.formats.places.strict_json import read_object
from ngpt_inspect.tokens.pieces import Piece, pieces
from ngpt_inspect.tokens.quoting import shown_bytes, shown_text

TOKENIZER = "tokenizer.json"
LONGEST_ID = 9
"""Digits; a longer number is text."""


@dataclass(frozen=True, kw_only=True)
class TokenTexts:
    """Token id -> text. Ids the tokenizer does not have (padding rows) have none."""

    pieces: Mapping[int, Piece] = field(default_factory=dict)
    source: str = ""
    """The tokenizer.json they are from; empty when there is none."""
    why_none: str = ""
    """One sentence when no texts are known."""

    @cached_property
    def shown(self) -> dict[int, str]:
        """The text of every id, as `ngpt_inspect.tokens.quoting` writes it, by ascending id."""
        return {number: _shown(self.pieces[number]) for number in sorted(self.pieces)}

    @cached_property
    def digest(self) -> str:
        """Tells these texts from others."""
        return sha256(repr(sorted(self.pieces.items())).encode(errors="replace")).hexdigest()

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, number: int) -> str:
        """Return the text of one id; empty where the tokenizer has no such id."""
        return self.shown.get(number, "")

    def find(self, words: str) -> list[int]:
        """Return the ids a search is for: that id, or the tokens that hold these words.

        Words may be typed plainly (`` the``, with its space) or as tables show them (``␣the``).
        Tokens that are just the words come first, then shorter ones.
        """
        if words.strip().isdecimal() and len(words.strip()) <= LONGEST_ID:
            number = int(words)
            same = [each for each, text in self.shown.items() if text == words.strip()]
            return [number, *(each for each in same if each != number)]
        wanted = {words, shown_text(words)} - {""}
        found = [
            (text not in wanted, len(text), number)
            for number, text in self.shown.items()
            if any(each in text for each in wanted)
        ]
        return [number for *_, number in sorted(found)]


def token_texts(source: str | PathLike[str]) -> TokenTexts:
    """Return the texts of the tokens of the checkpoint at `source`, from files alone.

    Looked for, in this order: ``tokenizer.json`` in the folder of the checkpoint (that of the
    training run) and in the folder above. The first there is counts. Never raises: whatever is
    wrong with the file, the tables then have ids without texts, and `why_none` says why.
    """
    file = tokenizer_file(source)
    if file is None:
        name = Path(source).name
        return TokenTexts(why_none=f"no {TOKENIZER} beside {name} or in the folder above")
    return _read(file)


def tokenizer_file(source: str | PathLike[str]) -> Path | None:
    """Return the tokenizer.json that counts for the checkpoint at `source`, if there is one."""
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    places = (place / TOKENIZER for place in (folder, folder.parent))
    return next((file for file in places if file.is_file()), None)


def _read(file: Path) -> TokenTexts:
    try:
        parsed = read_object(file, "it", "replace it by the tokenizer the model was trained with")
        found = pieces(parsed)
    except (InspectError, OSError, MemoryError) as error:
        return TokenTexts(why_none=str(error) or f"{file}: too large for the memory here")
    if not found:
        return TokenTexts(why_none=f"{file}: no vocabulary in it that is known here")
    return TokenTexts(pieces=found, source=str(file))


def _shown(piece: Piece) -> str:
    return shown_bytes(piece) if isinstance(piece, bytes) else shown_text(piece)
