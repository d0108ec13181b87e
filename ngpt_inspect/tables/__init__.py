"""Measures -> one tidy table, and what becomes of it: summaries, provenance, files."""

from ngpt_inspect.tables.measuring import Progress, Source, measure, opened
from ngpt_inspect.tables.summaries import parts, summarise
from ngpt_inspect.tables.tokens import token_table

__all__ = ["Progress", "Source", "measure", "opened", "parts", "summarise", "token_table"]
