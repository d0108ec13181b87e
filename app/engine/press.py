"""Files of figures: one browser for the whole server, kept warm for a while after its last use."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from contextvars import copy_context
from typing import TYPE_CHECKING

from ngpt_inspect.figures.canvas.render import IMAGES, one_browser
from ngpt_inspect.plotting import rendered

if TYPE_CHECKING:
    import plotly.graph_objects as go

IDLE = 60.0
"""Seconds after which a browser that nobody needs is closed. Starting one takes seconds, an image
of a warm one a fraction of a second; a warm one takes memory."""


class Press:
    """Renders figures, one after another, whoever asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._browser = ExitStack()
        self._within = copy_context()
        """Where the browser is open: for the images made here, and for no other thread's."""
        self._used: float | None = None
        """When the open browser was last used; None: none is open."""

    def print(self, drawing: go.Figure, kind: str, title: str) -> bytes:
        """Return a figure as bytes, as `rendered`.

        Raises
        ------
        InspectError
            As `rendered`, or the browser broke down.
        """
        if f".{kind}" not in IMAGES:
            return rendered(drawing, kind, title=title)
        with self._lock:
            try:
                if self._used is None:
                    self._within.run(self._browser.enter_context, one_browser())
                    threading.Thread(target=self._watch, daemon=True).start()
                self._used = time.monotonic()
                return self._within.run(rendered, drawing, kind, title=title)
            except Exception:
                self._close()
                raise
            finally:
                self._used = self._used and time.monotonic()

    def _watch(self) -> None:
        """Close the browser when it has been idle for long enough."""
        while True:
            with self._lock:
                if self._used is None:
                    return
                rest = self._used + IDLE - time.monotonic()
                if rest <= 0:
                    self._close()
                    return
            time.sleep(rest)

    def _close(self) -> None:
        self._used = None
        self._within.run(self._browser.close)
