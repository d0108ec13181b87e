"""Tokens as somebody writes them: by id, or by text where a tokenizer lies beside the file."""

import re

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.tokens import TokenTexts, shown_text, token_texts
from ngpt_inspect.weights import WeightSet

IDS = re.compile(r"\s*\d+\s*(-\s*\d+\s*)?", re.ASCII)


def in_ids(words: str, checkpoint: WeightSet) -> str:
    """Return a list of tokens with ids in the place of texts: ``262,def`` becomes ``262,4299``.

    A text stands for each token that is just that, with or without a space before it.

    Raises
    ------
    WrongOption
        There is no such token, or no texts are known.
    """
    parts = words.split(",")
    if all(IDS.fullmatch(part) or not part.strip() for part in parts):
        return words
    texts = token_texts(checkpoint.contents.source)
    found = [part if IDS.fullmatch(part) else _ids(part, texts, checkpoint) for part in parts]
    return ",".join(filter(None, found))


def _ids(word: str, texts: TokenTexts, checkpoint: WeightSet) -> str:
    if not word.strip():
        return ""
    wanted = {shown_text(word), shown_text(f" {word}")}
    ids = [number for number in texts.find(word) if texts[number] in wanted]
    if not ids:
        reason = "no token is just that" if texts else texts.why_none
        raise WrongOption(
            f"no token {word!r} ({reason})",
            where=checkpoint.label,
            next_step="give ids: 262 or 5,7-9; `ngpt-inspect tokens --search` finds them",
        )
    return ",".join(map(str, sorted(ids)))
