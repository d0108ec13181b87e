"""Every table of training results by name, found by listing this folder."""

import ngpt_inspect.results as room
from ngpt_inspect.plugins import collect
from ngpt_inspect.results.schema.contract import Results

RESULTS: dict[str, Results] = collect(room.__name__, room.__path__, Results)
