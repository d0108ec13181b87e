"""A figure as bytes: HTML that needs no network, images, or plotly's JSON."""

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from html import escape
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

from ngpt_inspect.errors import InspectError, MissingLibrary, WrongOption
from ngpt_inspect.figures.canvas.types import Drawing

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


def render(figure: Drawing, suffix: str, title: str) -> bytes:
    """Return what a file with this suffix holds: the figure in the size its layout has."""
    if suffix == ".json":
        return str(figure.to_json()).encode()
    if suffix == ".html":
        page = figure.to_html(include_plotlyjs=True, config=CONFIG, include_mathjax=False)
        head = f"<head><title>{escape(title)}</title>"
        return str(page).replace("<head>", head, 1).encode()
    return _image(figure, suffix[1:])


def _image(figure: Drawing, kind: str) -> bytes:
    import kaleido

    size = {"width": figure.layout.width, "height": figure.layout.height}
    opts = {"format": kind, "scale": PNG_SCALE if kind == "png" else 1, **size}
    with _told():
        if (browser := _opened.get()) is not None:
            return bytes(browser.calc_fig(figure, opts))
        return bytes(kaleido.calc_fig_sync(figure, opts=opts))


@contextmanager
def _told() -> Iterator[None]:
    """Say in one line what goes wrong in a browser."""
    try:
        yield
    except Exception as error:
        raise InspectError(
            f"the browser that makes images broke down ({type(error).__name__})",
            next_step="try again, see whether Chrome or Chromium runs here, or save as .html",
        ) from error


class _Browser:
    """A browser that stays open, on a thread of its own.

    What goes wrong there is raised here. kaleido's own server waits for ever for a browser that
    does not start.
    """

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._kaleido = self._wait(self._open())
        except BaseException:
            self._stop()
            raise

    @staticmethod
    async def _open() -> Any:
        import kaleido

        return await kaleido.Kaleido(n=1).__aenter__()

    def calc_fig(self, figure: Drawing, opts: Mapping[str, Any]) -> Any:
        """Return an image."""
        return self._wait(self._kaleido.calc_fig(figure, opts=opts))

    def close(self) -> None:
        """End the browser and the thread."""
        try:
            with suppress(Exception):  # it may have ended by itself
                self._wait(self._kaleido.__aexit__(None, None, None))
        finally:
            self._stop()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        import asyncio

        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_opened: ContextVar[_Browser | None] = ContextVar("_opened", default=None)
"""Of the caller's own context: another thread's browser may close at any moment."""


@contextmanager
def one_browser() -> Iterator[None]:
    """Keep one browser open for all the images saved inside: a quarter second each, not three.

    Raises
    ------
    InspectError
        It does not start.
    """
    with _told():
        browser = _Browser()
    before = _opened.set(browser)
    try:
        yield
    finally:
        _opened.reset(before)
        browser.close()
