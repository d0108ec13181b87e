"""A rules file that whoever is followed is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_files import FINITE


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(FINITE)
    return path
