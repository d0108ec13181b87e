"""Traces -> the path of each token's hidden state on the hypersphere."""

from ngpt_inspect.traces._columns import COLUMNS, MEANS, PATH
from ngpt_inspect.traces._described import VERSION as FORMAT_VERSION
from ngpt_inspect.traces._path import path
from ngpt_inspect.traces._reading import KEY, Trace, is_trace, read_trace

__all__ = [
    "COLUMNS",
    "FORMAT_VERSION",
    "KEY",
    "MEANS",
    "PATH",
    "Trace",
    "is_trace",
    "path",
    "read_trace",
]
