"""What the server does before anybody visits: it gets ready, and sends the empty page."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib import import_module
from typing import Any

from starlette.middleware import Middleware

from ngpt_inspect.errors import InspectError

from .arguments import parse
from .engine.sharing import share
from .frame.shell import Shell

MIDDLEWARE = [Middleware(Shell)]

PAUSE = 2.5
"""Seconds before torch is imported, which takes as long as all else: whoever visits at once waits
for what needs it alone."""

log = logging.getLogger(__name__)


def ready_for(argv: Sequence[str]) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return what goes round serving: getting ready beside it, in about the time a browser takes.

    A command line that is wrong ends the process with its usage.
    """
    named = parse(argv).checkpoints

    @asynccontextmanager
    async def ready(_app: Any) -> AsyncIterator[None]:
        share()  # before torch is imported
        threading.Thread(target=_get_ready, args=[named], daemon=True, name="readying").start()
        yield

    return ready


def _get_ready(named: Iterable[str]) -> None:
    """Import what a visit needs, and open what the command line names."""
    try:
        import_module(".visit", __package__)
        from .engine.loading import open_once

        for each in named:
            with suppress(InspectError):  # the visit says why
                open_once(each)
        time.sleep(PAUSE)
        import torch  # noqa: F401
    except Exception:
        log.exception("the first visit finds less that is ready")
