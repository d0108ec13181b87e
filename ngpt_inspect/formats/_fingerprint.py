"""A name for the exact weights at a cost that does not grow with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ngpt_inspect.formats._opening import open_bytes
from ngpt_inspect.places import Place

BLOCKS = 64
FEWEST_BLOCKS = 4


def fingerprint(places: Sequence[Place]) -> str:
    """Return a SHA-256 over the size of each file and blocks spread evenly through it.

    Up to 64 blocks of 64 KiB a file (fewer a file where there are many, at least 4), the first
    and the last always among them; a file smaller than that is covered whole. Names and times
    do not count, so a copy has the same fingerprint.

    Different fingerprints prove different files. Equal ones prove equal files only where they
    were covered whole; beyond that they show that the sizes and some 4 MiB agree, which tells
    training steps and fine-tunes apart, but not two files made to differ between the blocks.

    Of a remote file no values are read: what counts is its size, its first bytes and the
    version its server states (SHA-256, ETag, or time of change), so a local copy of it has
    another fingerprint.

    Parameters
    ----------
    places
        The files, in a fixed order.
    """
    digest = hashlib.sha256()
    n_blocks = max(FEWEST_BLOCKS, BLOCKS // max(1, len(places)))
    for place in places:
        for part in open_bytes(place).identity(n_blocks):
            digest.update(part)
    return digest.hexdigest()
