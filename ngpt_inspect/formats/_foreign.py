"""Files that are no checkpoint we read, told by their first bytes, and what to do about each."""

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.places.readable import GET_AGAIN
from ngpt_inspect.places import Place

HEAD = 64
"""Bytes by which files are told."""
CONVERT = "not supported here; convert it to safetensors"
UNPACK = "unpack it first"
DOWNLOAD = "the download went wrong: download it again, with a login if it needs one"
LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The magic number torch pickled first before it wrote zip files."""

NOT_WEIGHTS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file itself",
        "run 'git lfs pull' in its repository",
    ),
    (b"<!doctype html", "is a web page, not a checkpoint", DOWNLOAD),
    (b"<html", "is a web page, not a checkpoint", DOWNLOAD),
    (b"<?xml", "is an XML answer of a server, not a checkpoint", DOWNLOAD),
)
"""Lower-case beginnings of text files that no format could ever accept."""

OTHER_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (
        LEGACY_TORCH,
        "is a torch file of the format before 1.6",
        "load it with torch where it was made and re-save it with torch.save on torch >= 1.6",
    ),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 (Keras .h5) file", CONVERT),
    (b"\x93NUMPY", "is a NumPy .npy array", CONVERT),
    (b"PK\x05\x06", "is an empty zip archive", GET_AGAIN),
    (b"\x1f\x8b", "is compressed with gzip", UNPACK),
    (b"\xfd7zXZ\x00", "is compressed with xz", UNPACK),
    (b"BZh", "is compressed with bzip2", UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", UNPACK),
    *(
        (
            bytes([0x80, protocol]),
            "is a bare Python pickle, which can run any code when loaded",
            "if you trust it, save its weights with safetensors where it was made",
        )
        for protocol in range(2, 6)
    ),
)
SUFFIXES: tuple[tuple[str, str, str], ...] = (
    (".onnx", "is an ONNX model", CONVERT),
    (".distcp", "is one part of a PyTorch distributed checkpoint", "name its folder"),
    (".json", "is a settings file", "name the weights beside it, or their folder"),
)


def refuse_not_weights(place: Place, head: bytes) -> None:
    """Refuse text saved in place of a checkpoint, by the file's first bytes.

    Raises
    ------
    UnreadableFile
        It is empty, a Git LFS pointer or a web page.
    """
    if not head:
        raise UnreadableFile("is empty", where=str(place), next_step=GET_AGAIN)
    text = head.lstrip().lower()
    for start, what, next_step in NOT_WEIGHTS:
        if text.startswith(start):
            raise UnreadableFile(what, where=str(place), next_step=next_step)


def not_supported(place: Place, head: bytes) -> UnreadableFile:
    """Return the error for a file no format accepts, which names its real format if known."""
    by_head = [(what, then) for start, what, then in OTHER_FORMATS if head.startswith(start)]
    by_name = [(what, then) for end, what, then in SUFFIXES if place.name.endswith(end)]
    unknown = (
        "its first bytes are of no checkpoint format (safetensors, or torch.save's zip)",
        f"if it should be one, {GET_AGAIN}",
    )
    what, next_step = [*by_head, *by_name, unknown][0]
    return UnreadableFile(what, where=str(place), next_step=next_step)
