"""Rules as files have them, for what only needs some."""

FINITE = """
[[rule]]
name = "finite"
severity = "error"
measure = "embedding_norms"
status = "not_finite"
"""
LONG_ROWS = """
[[rule]]
name = "long-rows"
severity = "warning"
measure = "embedding_norms"
comparison = ">"
bound = {bound}
"""
