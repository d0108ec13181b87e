"""Torch files bound together by an index: only their pickles are read, as data."""

from ngpt_inspect.formats._sharded import sharded
from ngpt_inspect.formats.torch_zip import read_file

SHARDED_TORCH = sharded(
    "sharded torch", ".bin", "a *.bin.index.json and the files it names; or all parts", read_file
)
