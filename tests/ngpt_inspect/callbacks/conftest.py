"""A rules file that whoever is followed is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

RULES = """
[[rule]]
name = "finite"
severity = "error"
measure = "embedding_norms"
status = "not_finite"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path
