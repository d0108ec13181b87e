"""docs/results.md names every table of training results, every column, and what each means."""

import re
from pathlib import Path

from ngpt_inspect.results import RESULTS

DOCUMENT = Path(__file__).parents[3] / "docs" / "results.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)


def sections():
    """Return the text under each heading."""
    _, *parts = re.split(r"^#+ (.+)$", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_bound_is_explained():
    (bounds,) = {column.among for column in RESULTS["speed_up"].columns if column.name == "bound"}
    rows = re.findall(r"^\| (?:`(\w+)`|(empty)) \|", sections()["Bounds"], re.MULTILINE)
    assert {quoted for quoted, _ in rows} == set(bounds)
