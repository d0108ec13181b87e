"""Safetensors files bound together by an index: only their headers are read."""

from ngpt_inspect.formats._sharded import sharded
from ngpt_inspect.formats.safetensors_file import read_file

SHARDED_SAFETENSORS = sharded(
    "sharded safetensors",
    ".safetensors",
    "a *.safetensors.index.json and the files it names; or all parts",
    read_file,
)
