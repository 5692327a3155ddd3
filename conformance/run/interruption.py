"""Ctrl-C, SIGTERM and a terminal that is closed end a run in order: what was judged is kept."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds until an interruption that nobody has noticed is raised again.
AGAIN = 1.0


class Interruption:
    """Turns these signals into KeyboardInterrupt, which no library on the way can swallow for good.

    An exception raised by a signal's handler appears wherever Python happens to be: inside a finalizer, or a
    callback of the garbage collector or of C, it is lost, with a traceback that is not printed here. It is
    therefore raised again until `end` says that somebody has noticed, and by `check`.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_over = self._is_again = False

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
        # Under nohup, the run outlives its terminal.
        outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        before = {
            number: signal.signal(number, self._handle)
            for number in _SIGNALS
            if not (outlives and number == signal.SIGHUP)
        }
        told = sys.unraisablehook

        def tell(lost: sys.UnraisableHookArgs) -> None:
            if not (self.requested and lost.exc_type is KeyboardInterrupt):
                told(lost)

        sys.unraisablehook = tell
        try:
            yield
        finally:
            self.end()
            sys.unraisablehook = told
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # One request is enough: while the record's end is written, nothing may interrupt.
        if self._is_over or (self.requested and not self._is_again):
            return
        if not self.requested:
            self.requested = True
            # Not `threading`: its locks may be held by what the signal has interrupted.
            _thread.start_new_thread(self._insist, (os.getpid(),))
        self._is_again = False
        raise KeyboardInterrupt

    def _insist(self, process: int) -> None:
        time.sleep(AGAIN)
        while not self._is_over and os.getpid() == process:
            self._is_again = True
            _thread.interrupt_main()
            time.sleep(AGAIN)
