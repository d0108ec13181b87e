"""Both themes can be read: contrasts of WCAG 2.2, success criterion 1.4.3, level AA."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

THEME = tomllib.loads(
    (Path(__file__).parents[2] / "app" / ".streamlit" / "config.toml").read_text()
)["theme"]
ENOUGH = 4.5
"""Of text of normal size."""
FADED = 0.6
"""Opacity of captions and placeholders, as streamlit draws them."""


def parts(color):
    return [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def luminance(rgb):
    """Return the relative luminance as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(text, ground, opacity=1.0):
    ground = parts(ground)
    seen = [opacity * a + (1 - opacity) * b for a, b in zip(parts(text), ground, strict=True)]
    light, dark = sorted((luminance(seen), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_text_stands_out_from_its_ground(theme, ground):
    colors = THEME[theme]
    found = {
        "text": contrast(colors["textColor"], colors[ground]),
        "caption": contrast(colors["textColor"], colors[ground], FADED),
        "chosen": contrast(colors["primaryColor"], colors[ground]),
    }
    assert min(found.values()) >= ENOUGH, found
