"""How long a process is waited for: what computes on a busy machine is given the time that it is kept waiting.

Time in which nobody looked does not count: who waits was stopped then, and what is waited for most likely, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: A process computes where it has had a processor for so much of a while.
COMPUTING = 0.1
#: So many times its limit a process is waited for at most, however little of a processor it gets. Of the time from
#: one look to the next, no more counts than so many times what should pass.
LONGEST = 4
#: So often in its limit is looked at what a process does; seconds between two looks.
LOOKS, SHORTEST, RAREST = 20, 0.1, 1.0


class Patience:
    """How much of its limit a process has left.

    While it computes, the seconds count that it had a processor; while it sleeps, those of the clock. Before the
    first look, nobody knows which: there the clock's count.

    Args:
        seconds: the limit.
        used: returns the seconds for which the process has had a processor so far.
        now: the clock.
    """

    def __init__(
        self,
        seconds: float,
        used: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._used, self._now = used, now
        self._every = min(seconds, max(SHORTEST, min(seconds / LOOKS, RAREST)))
        self._seconds = self._left = seconds
        self._looked, self._had = now(), float("inf")

    @property
    def spent(self) -> float:
        """The seconds that count so far."""
        return self._seconds - self._left + min(self._now() - self._looked, LONGEST * self._every)

    def wait(self) -> float:
        """Return for how many seconds to wait before this is asked again, 0 where nothing of the limit is left."""
        now = self._now()
        passed = min(now - self._looked, LONGEST * self._every)
        # Seconds that were added up come out a little below or above their sum.
        little = self._every / 1000
        if passed > self._every - little:
            had = self._used()
            computed = had - self._had
            computes = computed >= COMPUTING * passed
            self._left -= max(min(computed, passed), passed / LONGEST) if computes else passed
            self._looked, self._had, passed = now, had, 0.0
        return self._every - passed if self._left > little else 0.0
