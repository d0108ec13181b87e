"""Frees what sessions left behind, now and then and outside of their runs.

Streamlit would collect all garbage after every run of a script, which takes longer than most runs;
`.streamlit/config.toml` tells it not to.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import streamlit as st

CALM = 20.0
"""Seconds from a run to the collection after it; runs within them share it."""


class Sweeper:
    """Collects garbage in a thread of its own, a while after there were runs.

    Parameters
    ----------
    calm
        Seconds to wait after a run before it is swept.
    collect
        Does it.
    """

    def __init__(self, calm: float = CALM, collect: Callable[[], object] = gc.collect) -> None:
        self._calm, self._collect = calm, collect
        self._used = threading.Event()
        # What was imported by now stays for good: no collection looks at it again.
        gc.freeze()
        threading.Thread(target=self._sweep, daemon=True, name="sweeper").start()

    def tell(self) -> None:
        """Say that a script runs."""
        self._used.set()

    def _sweep(self) -> None:
        while True:
            self._used.wait()
            threading.Event().wait(self._calm)
            self._used.clear()
            self._collect()


@st.cache_resource(show_spinner=False)
def sweeper() -> Sweeper:
    """Return the sweeper of this server."""
    return Sweeper()
