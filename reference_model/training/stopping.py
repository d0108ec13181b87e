"""Ctrl-C, SIGTERM and a time that is up: wishes the training loop grants at the end of a step."""

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

import torch

from reference_model.training.ranks import Ranks

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Remembers the first signal that asks the process to stop; the second acts at once.

    Used as a context manager. Signals that the process ignores (a job in the background) stay
    ignored, and off the main thread, where Python takes no handlers, nothing is changed.

    Parameters
    ----------
    until
        From this value of `time.monotonic` on it is as if SIGTERM had come.
    """

    def __init__(self, until: float = math.inf) -> None:
        self.received = 0
        """Number of the signal; 0 for none."""
        self.until = until
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            self._before = {
                number: handler
                for number, handler in handlers.items()
                if handler not in (signal.SIG_IGN, None)
            }
            for number in self._before:
                signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def agreed(self, ranks: Ranks) -> int:
        """Return the number of the signal that any rank has received, 0 for none.

        Every rank must ask, and all get zero or all get a number: they stop at the same step.
        """
        time_is_up = signal.SIGTERM if time.monotonic() >= self.until else 0
        received = self.received or int(time_is_up)
        if ranks.world_size > 1 and ranks.mean(
            torch.tensor(float(received > 0), device=ranks.device)
        ):
            return received or int(signal.SIGTERM)
        return received

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
