"""A name for the exact weights at a cost that does not grow with them."""

import hashlib
from collections.abc import Callable, Sequence

from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.places.readable import ByteFile
from ngpt_inspect.places import Place
from ngpt_inspect.stored import StoredTensor

BLOCKS = 64
FEWEST_BLOCKS = 4
SMALL = 4096
"""Bytes of a block of one tensor."""


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


def fingerprint_of_values(
    tensor: StoredTensor, n_blocks: int, read: Callable[[int, int], bytes], order: str = ""
) -> str:
    """Return a SHA-256 over what a tensor is and blocks spread evenly through its bytes.

    Parameters
    ----------
    tensor
        Of its bytes up to `n_blocks` times 4 KiB are covered whole.
    n_blocks
        At least 2: the first and the last.
    read
        Returns the bytes from an offset on, so many.
    order
        Says in which other order than that of the bytes its values are.
    """
    n_bytes = tensor.n_bytes
    digest = hashlib.sha256(f"{tensor.dtype} {tensor.shape}{order} {n_bytes}".encode())
    whole = n_bytes <= n_blocks * SMALL
    starts = [0] if whole else [(n_bytes - SMALL) * i // (n_blocks - 1) for i in range(n_blocks)]
    for start in starts:
        digest.update(read(start, n_bytes if whole else SMALL))
    return digest.hexdigest()


def fingerprint_in(
    file: ByteFile, begin: int, tensor: StoredTensor, n_blocks: int, order: str = ""
) -> str:
    """Return `fingerprint_of_values` from a byte of a file on; empty where they would travel."""
    if not file.is_local:
        return ""
    return fingerprint_of_values(tensor, n_blocks, lambda at, n: file.read(begin + at, n), order)
