"""The library's own threads: a few that wait, and one list of tasks per call.

Tasks are numbered; whoever is free takes the next number. What a task computes does not depend
on who runs it, so results do not depend on the schedule.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np

from fast_impl.runtime.locks import Lock

Task = Callable[[int, int], None]

_lock = Lock()


class _Pool:
    queue: SimpleQueue[_Job] | None = None
    size = 0


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
            self._done.notify()

    def close(self) -> None:
        """Wait for the helpers that joined; nobody joins any more.

        Whatever interrupts the wait (Ctrl-C) is raised when they are done, not before: they still
        write into the caller's memory.
        """
        interruption: BaseException | None = None
        with self._done:
            self._closed = True
            while self._busy:
                try:
                    self._done.wait()
                except BaseException as caught:
                    self.error = interruption = caught
        if interruption is not None:
            raise interruption


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
            queue.get().join()


def _after_fork() -> None:
    """Forget the threads: the child has none of them."""
    _Pool.queue = None
    _Pool.size = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
