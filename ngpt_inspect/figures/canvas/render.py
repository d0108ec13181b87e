"""A figure as bytes: HTML that needs no network, images, or plotly's JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ngpt_inspect.errors import MissingLibrary, WrongOption

if TYPE_CHECKING:
    import plotly.graph_objects as go

IMAGES = (".pdf", ".png", ".svg")
"""What needs kaleido and a browser."""
SUFFIXES = (".html", *IMAGES, ".json")
PNG_SCALE = 3
"""A two-column figure becomes 1944 pixels wide: 288 dots an inch."""
CONFIG = {"showSendToCloud": False, "displaylogo": False}
"""plotly.js would otherwise offer to upload the figure."""


def require_format(path: Path) -> None:
    """Refuse what cannot be rendered here, before anything is measured.

    Raises
    ------
    WrongOption
        The suffix says no format of `SUFFIXES`.
    MissingLibrary
        An image is asked for and kaleido, or Chrome or Chromium, is not there.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise WrongOption(
            f"no figure format {suffix or 'without a suffix'}",
            where=str(path),
            next_step=f"end the name in {', '.join(SUFFIXES)}",
        )
    if suffix not in IMAGES:
        return
    kind = suffix[1:].upper()
    if find_spec("kaleido") is None:
        raise MissingLibrary(
            f"{kind} needs kaleido, which is not installed",
            next_step="pip install 'ngpt-inspect[export]', or save as .html",
        )
    if not has_browser():
        raise MissingLibrary(
            f"{kind} needs Chrome or Chromium, and none was found",
            next_step="install one (apt-get install chromium) or set BROWSER_PATH to it, "
            "or save as .html",
        )


def has_browser() -> bool:
    """Tell whether kaleido would find a browser."""
    from choreographer.browsers.chromium import Chromium

    path = Chromium.find_browser(skip_local=False)
    return path is not None and Path(path).is_file()


def render(figure: go.Figure, suffix: str, title: str) -> bytes:
    """Return what a file with this suffix holds: the figure in the size its layout has."""
    if suffix == ".json":
        return str(figure.to_json()).encode()
    if suffix == ".html":
        page = figure.to_html(include_plotlyjs=True, config=CONFIG, include_mathjax=False)
        head = f"<head><title>{escape(title)}</title>"
        return str(page).replace("<head>", head, 1).encode()
    return _image(figure, suffix[1:])


def _image(figure: go.Figure, kind: str) -> bytes:
    import kaleido

    size = {"width": figure.layout.width, "height": figure.layout.height}
    scale = PNG_SCALE if kind == "png" else 1
    return bytes(kaleido.calc_fig_sync(figure, opts={"format": kind, "scale": scale, **size}))


@contextmanager
def one_browser() -> Iterator[None]:
    """Keep one browser open for all the images saved inside: a quarter second each, not three."""
    import kaleido

    kaleido.start_sync_server(n=1, silence_warnings=True)
    try:
        yield
    finally:
        kaleido.stop_sync_server(silence_warnings=True)
