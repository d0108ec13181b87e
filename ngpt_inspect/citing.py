"""What a `source` says: a work that anyone can look up, and the place in it."""

import re

PAPER = re.compile(r"\barXiv [a-z-]*/?\d[\d.]+\d\b|\b10\.\d{4,}/\S+")
PLACE = re.compile(
    r"\b(?i:figures?|sections?|equations?|tables?|appendix|pages?|theorems?|definitions?"
    r"|algorithms?|chapters?) (?:[A-Z]\b|[A-Z]?\d)"
)
ADDRESS = re.compile(r"\bhttps?://[^\s/]+\.[^\s/]+/\S+")


def require_citation(source: str, of: str) -> None:
    """Refuse a source that nobody can look up.

    Parameters
    ----------
    source
        Any words around an arXiv number or a DOI with the place in it, or the address of a page.
    of
        Whose source it is, for the message.

    Raises
    ------
    ValueError
        It names no work, or no place in the paper: a mistake of ours, found by importing it.
    """
    if ADDRESS.search(source) or (PAPER.search(source) and PLACE.search(source)):
        return
    lacks = "the place in the paper" if PAPER.search(source) else "the work"
    raise ValueError(
        f"source of {of} is {source!r} and does not name {lacks}: write an arXiv number, a DOI or "
        'an address, and where to look, as "arXiv 2005.10242, equation 2"'
    )
