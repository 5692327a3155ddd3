"""Ctrl-C and SIGTERM end a run in order: what was judged is kept."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns both signals into KeyboardInterrupt, which no library on the way can swallow for good.

    An exception raised by a signal's handler appears wherever Python happens to be: inside a finalizer it is
    printed and lost. `check` raises it again.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_over = False

    def end(self) -> None:
        """Let signals do nothing from now on: the record's end is being written."""
        self._is_over = True

    def check(self) -> None:
        """Raise KeyboardInterrupt where a signal has come."""
        if self.requested:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watch for the signals; outside the main thread, where Python allows no handler, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # One request is enough: while the record's end is written, nothing may interrupt.
        if not self.requested and not self._is_over:
            self.requested = True
            raise KeyboardInterrupt
