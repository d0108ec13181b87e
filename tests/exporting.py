"""What images need, and the mark of tests that make some."""

from __future__ import annotations

import pytest

from ngpt_inspect.figures.canvas import render

needs_export = pytest.mark.skipif(
    render.find_spec("kaleido") is None or not render.has_browser(),
    reason="images need kaleido and a Chrome or Chromium",
)
