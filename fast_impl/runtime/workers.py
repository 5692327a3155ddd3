"""The library's own threads: a few that wait, and one list of tasks per call.

Tasks are numbered; whoever is free takes the next number. What a task computes does not depend
on who runs it, so results do not depend on the schedule.

To be woken takes a thread some 50 microseconds, as long as a small layer. So whoever waits first looks for a
while, a few times that long and outside the GIL, whether it is over, and only then goes to sleep.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.runtime.addresses import address
from fast_impl.runtime.locks import Lock

Task = Callable[[int, int], None]

_lock = Lock()


class Waiting:
    """The fields of a call of the kernel that waits: it returns when a word changes, or after some turns.

    They are the word's address, what is added to it to see whether it is still the same, and the turns.
    """

    WORD, LESS, TURNS, SIZE = range(0, 32, 8)


# Seconds that one who waits looks on before it sleeps, and turns that tell how long one takes.
_LOOKS_ON, _TURNS = 200e-6, 200


class _Pool:
    queue: SimpleQueue[_Job] | None = None
    size = 0
    # Changes with every job.
    jobs = np.zeros(1, np.int64)
    # The kernel that waits, and its turns; None where no kernels can be generated.
    wait: Callable[[int], Any] | None = None
    turns = 1


def wait_by(kernel: Callable[[int], Any]) -> None:
    """Let threads wait by a kernel, which is told `Waiting` and does not hold the GIL."""
    call = np.array([0, 1, _TURNS], np.int64)
    word = np.zeros(1, np.int64)
    call[Waiting.WORD // 8], call[Waiting.LESS // 8] = address(word), 0
    start = time.perf_counter()
    kernel(address(call))
    took = time.perf_counter() - start
    _Pool.turns = max(1, int(_TURNS * _LOOKS_ON / max(took, 1e-9)))
    _Pool.wait = kernel


class _Change:
    """A look at a word, to wait until it changes."""

    def __init__(self, word: npt.NDArray[Any]) -> None:
        self._word = word
        self._call = np.array([address(word), -int(word[0]), _Pool.turns], np.int64)

    def wait(self) -> None:
        """Wait for a while, if there is a kernel that does."""
        if _Pool.wait is not None:
            _Pool.wait(address(self._call))


class _Job:
    """One call's tasks, shared by the caller and the workers that find the time."""

    def __init__(self, task: Task, count: int) -> None:
        self._task = task
        self._count = count
        self._numbers = itertools.count()
        self._seats = itertools.count(1)
        self._busy = 0
        self._closed = False
        self._done = threading.Condition()
        # How many helpers have left.
        self._left = np.zeros(1, np.int64)
        self.error: BaseException | None = None

    def work(self, seat: int) -> None:
        """Run tasks until none is left; ``seat`` numbers the participants from 0."""
        try:
            for number in self._numbers:
                if number >= self._count or self.error is not None:
                    return
                self._task(number, seat)
        except BaseException as error:
            self.error = error

    def join(self) -> None:
        """Work as a helper, unless the job is over already."""
        with self._done:
            if self._closed:
                return
            self._busy += 1
        self.work(next(self._seats))
        with self._done:
            self._busy -= 1
            self._left += 1
            self._done.notify()

    def close(self) -> None:
        """Wait for the helpers that joined; nobody joins any more.

        Whatever interrupts the wait (Ctrl-C) is raised when they are done, not before: they still
        write into the caller's memory.
        """
        interruption: BaseException | None = None
        with self._done:
            self._closed = True
        looks = self._busy
        while self._busy:
            try:
                self._wait(asleep=looks == 0)
                looks = max(0, looks - 1)
            except BaseException as caught:
                self.error = interruption = caught
        if interruption is not None:
            raise interruption

    def _wait(self, *, asleep: bool) -> None:
        """Wait until a helper has left: look for a while, or sleep."""
        change = _Change(self._left)
        if not asleep and self._busy:
            change.wait()
            return
        with self._done:
            while self._busy:
                self._done.wait()


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def run(task: Task, count: int, threads: int) -> None:
    """Call ``task(number, seat)`` for every number below ``count``.

    Args:
        task: Does not depend on the order. Seats are numbers below ``threads``; no two tasks
            run at the same time on one seat, so that a seat can own scratch memory.
        count: Number of tasks.
        threads: Most participants, the caller included.

    Raises:
        BaseException: What a task raised, after all others have stopped.
    """
    helpers = min(threads, count) - 1
    if helpers < 1:
        for number in range(count):
            task(number, 0)
        return
    job = _Job(task, count)
    queue, helpers = _started(helpers)
    try:
        for _ in range(helpers):
            queue.put(job)
        _Pool.jobs += 1
        job.work(0)
    finally:
        job.close()
    if job.error is not None:
        raise job.error


def run_each(tasks: Sequence[Callable[[], Any]], threads: int) -> None:
    """Call every one of ``tasks``, on at most ``threads`` threads."""
    run(lambda number, _: tasks[number](), len(tasks), threads)


def _started(helpers: int) -> tuple[SimpleQueue[_Job], int]:
    """Return the queue, and how many of the helpers there are: the system may refuse more threads."""
    with _lock:
        if _Pool.queue is None:
            _Pool.queue = SimpleQueue()
        while _Pool.size < helpers:
            name = f"fast_impl-{_Pool.size + 1}"
            helper = threading.Thread(target=_serve, args=(_Pool.queue,), name=name, daemon=True)
            try:
                helper.start()
            except RuntimeError:  # "can't start new thread"; the next call tries again
                break
            _Pool.size += 1
        return _Pool.queue, min(helpers, _Pool.size)


def _serve(queue: SimpleQueue[_Job]) -> None:
    # NaN, infinity and overflow are results, and the setting is each thread's own.
    with np.errstate(all="ignore"):
        while True:
            _next(queue).join()


def _next(queue: SimpleQueue[_Job]) -> _Job:
    """The next job: looked for awhile, then slept for."""
    change = _Change(_Pool.jobs)
    with contextlib.suppress(Empty):
        return queue.get_nowait()
    change.wait()
    with contextlib.suppress(Empty):
        return queue.get_nowait()
    return queue.get()


def _after_fork() -> None:
    """Forget the threads: the child has none of them."""
    _Pool.queue = None
    _Pool.size = 0
    _Pool.jobs = np.zeros(1, np.int64)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
