"""What a release says of itself agrees, and the file of the licence goes along."""

import re
import tomllib
from pathlib import Path

from ngpt_inspect.version import __version__

ROOT = Path(__file__).parents[1]


def test_the_version_is_one_everywhere():
    cited = (ROOT / "CITATION.cff").read_text()
    assert re.search(rf"^version: {re.escape(__version__)}$", cited, re.M)
    heads = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert heads[:2] == ["Unreleased", __version__]


def test_the_licence_is_the_one_that_is_named():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ROOT / "LICENSE").read_text().startswith(f"{project['license']} License")
    assert f"license: {project['license']}" in (ROOT / "CITATION.cff").read_text()
