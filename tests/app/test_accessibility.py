"""axe-core looks at every page in both themes: nothing serious is found.

The rules are those of axe-core (MPL-2.0), which is no part of this repository: it is taken from the
package `axe-playwright-python` where that is installed, else fetched once with npm.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from app_runs import write_legible_run
from browsing import browser, missing, served, session, settle

from app.app_pages import PAGES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there"),
]

PACKAGE = "axe-core@4.14.1"
FETCHING = 60
"""Seconds after which npm is taken to have no network."""
GRAVE = ("serious", "critical")
FIND = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .flatMap(rule => rule.nodes.map(node => [rule.impact, rule.id, node.html.slice(0, 200),
                                             node.failureSummary]))"""


@pytest.fixture(scope="module")
def axe(request) -> str:
    """Return the code of axe-core."""
    found = find_spec("axe_playwright_python")
    if found is not None and found.origin is not None:
        return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")
    folder = request.config.cache.mkdir("axe-core")
    kept = folder / "package" / "axe.min.js"
    if not kept.is_file():
        _fetch(folder)
    return kept.read_text(encoding="utf-8")


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("neither axe-playwright-python nor npm is installed")
    try:
        pack = [npm, "pack", PACKAGE, "--silent"]
        subprocess.run(pack, cwd=folder, check=True, timeout=FETCHING, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"npm cannot fetch {PACKAGE}: {error}")
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as packed:
        packed.extract("package/axe.min.js", folder, filter="data")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a GPT and an nGPT run."""
    root = tmp_path_factory.mktemp("runs")
    runs = [write_legible_run(root / family, family) for family in ("gpt", "ngpt")]
    with served(*runs, cache=tmp_path_factory.mktemp("cache")) as (address, _):
        yield address


def test_nothing_serious_on_any_page_in_either_theme(address, axe):
    found = set()
    with browser() as started:
        for scheme in ("light", "dark"):
            page = session(started, color_scheme=scheme).new_page()
            for name in PAGES:
                page.goto(f"{address}/{'' if name == next(iter(PAGES)) else name}")
                settle(page)
                page.evaluate(axe)
                found |= {(name, scheme, *each) for each in page.evaluate(FIND)}
    grave = [each for each in sorted(map(str, found)) if any(word in each for word in GRAVE)]
    assert not grave, "\n".join(grave)
