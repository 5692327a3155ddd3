"""The library's own threads: a few that wait, and one list of tasks per call.

Tasks are numbered; whoever is free takes the next number. What a task computes does not depend
on who runs it, so results do not depend on the schedule.

There are two kinds of tasks. Those of Python are shared out by `run`. Calls of generated kernels are shared out by
`share`, which asks for the GIL once for all of them: threads take tasks from a table, by kernels of their own
(`TeamKernels`). One that has nothing to do looks for the next call for a few times as long as it takes to be
woken (some 50 microseconds, as long as a small layer), and only then goes to sleep.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.runtime.addresses import address
from fast_impl.runtime.locks import Lock

Task = Callable[[int, int], None]
Words = npt.NDArray[np.int64]

_lock, _leading = Lock(), Lock()
_WORD = 8


class Round:
    """The words of a round: tasks that are shared out by a kernel.

    ``COUNT`` tasks are taken in order, the next one being ``NEXT``. At ``STARTS`` there is for each task, and once
    more, the address of its first call; a call is the address of a kernel's code, and what is added to ``BASE``
    for its argument. ``SEATS`` helpers may join, if there is a ``TEAM``.
    """

    NEXT, COUNT, STARTS, BASE, SEATS, TEAM, SIZE = range(0, 56, _WORD)


class Team:
    """The words by which threads find each other.

    ``OPEN`` is the address of the round that helpers may join, or 0; ``ROUNDS`` counts them. ``BUSY`` helpers are
    at work or about to see whether there is any, ``LOOKING`` are awake. ``JOBS`` counts what there is to do in
    Python.
    """

    OPEN, ROUNDS, BUSY, LOOKING, JOBS, SIZE = range(0, 48, _WORD)


class Look:
    """The words of one who looks for rounds of a ``TEAM``, so many ``TURNS``.

    ``JOBS`` is what the team's was; ``SEEN`` is the last round, and changes.
    """

    TEAM, TURNS, JOBS, SEEN, SIZE = range(0, 40, _WORD)


class Waiting:
    """The words of one who waits: a word's address, what makes it 0 as long as it is the same, and turns."""

    WORD, LESS, TURNS, SIZE = range(0, 32, _WORD)


class TeamKernels(NamedTuple):
    """Functions of the address of their words, which do not hold the GIL.

    Attributes:
        lead: Do a `Round`, with the team if it has one; return when all of it is done.
        look: Look for rounds to join (`Look`), until there is a job for Python, or for long enough.
        wait: Wait until a word changes, or for long enough (`Waiting`).
    """

    lead: Callable[[int], Any]
    look: Callable[[int], Any]
    wait: Callable[[int], Any]


# Seconds that one who waits looks on before it sleeps, and turns that tell how long one takes.
_LOOKS_ON, _TURNS = 200e-6, 200


def _words(size: int) -> Words:
    return np.zeros(size // _WORD, np.int64)


class _Pool:
    queue: SimpleQueue[_Job | None] | None = None
    size = 0
    team = _words(Team.SIZE)
    # None where no kernels can be generated.
    kernels: TeamKernels | None = None
    turns = 1


def use(kernels: TeamKernels) -> None:
    """Let threads share calls of kernels, and wait, by these."""
    call, word = _words(Waiting.SIZE), np.zeros(1, np.int64)
    call[:] = address(word), 0, _TURNS
    start = time.perf_counter()
    kernels.wait(address(call))
    took = time.perf_counter() - start
    _Pool.turns = max(1, int(_TURNS * _LOOKS_ON / max(took, 1e-9)))
    _Pool.kernels = kernels


class SharedRound:
    """Some calls of generated kernels in tasks, for one call of `share` at a time.

    Args:
        starts, count, base: As in `Round`. The caller keeps what these point to.
    """

    def __init__(self, starts: int, count: int, base: int) -> None:
        self.count = count
        self._alone, self._led = _words(Round.SIZE), _words(Round.SIZE)
        for words in (self._alone, self._led):
            words[Round.COUNT // _WORD : Round.SEATS // _WORD] = count, starts, base
        # Where its words are: without a team, and with one.
        self.alone, self.led = address(self._alone), address(self._led)

    def join(self, helpers: int, team: Words) -> None:
        """Let so many helpers of a team take part."""
        _seats(self._led, Round.SEATS, helpers, address(team))


_seats: Callable[..., None] = struct.Struct("=2q").pack_into


def share(tasks: SharedRound, threads: int) -> None:
    """Make the calls of all tasks on at most ``threads`` threads: on one, if somebody else leads the others."""
    kernels = _Pool.kernels
    assert kernels is not None
    helpers = min(threads, tasks.count) - 1
    if helpers < 1 or not _leading.take():
        kernels.lead(tasks.alone)
        return
    try:
        queue, helpers = _started(helpers)
        asleep = helpers - int(_Pool.team[Team.LOOKING // _WORD])
        # Not for ever more, if helpers are at work for somebody else.
        for _ in range(min(asleep, helpers - queue.qsize())):
            queue.put(None)
        tasks.join(helpers, _Pool.team)
        kernels.lead(tasks.led)
    finally:
        _leading.release()


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
        call = np.array([address(self._left), -int(self._left[0]), _Pool.turns], np.int64)
        if not asleep and self._busy:
            if _Pool.kernels is not None:
                _Pool.kernels.wait(address(call))
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
        _Pool.team[Team.JOBS // _WORD] += 1
        job.work(0)
    finally:
        job.close()
    if job.error is not None:
        raise job.error


def run_each(tasks: Sequence[Callable[[], Any]], threads: int) -> None:
    """Call every one of ``tasks``, on at most ``threads`` threads."""
    run(lambda number, _: tasks[number](), len(tasks), threads)


def _started(helpers: int) -> tuple[SimpleQueue[_Job | None], int]:
    """Return the queue, and how many of the helpers there are: the system may refuse more threads."""
    with _lock:
        if _Pool.queue is None:
            _Pool.queue = SimpleQueue()
        while _Pool.size < helpers:
            name = f"fast_impl-{_Pool.size + 1}"
            helper = threading.Thread(
                target=_serve, args=(_Pool.queue, _Pool.team), name=name, daemon=True
            )
            try:
                helper.start()
            except RuntimeError:  # "can't start new thread"; the next call tries again
                break
            _Pool.size += 1
        return _Pool.queue, min(helpers, _Pool.size)


def _serve(queue: SimpleQueue[_Job | None], team: Words) -> None:
    # NaN, infinity and overflow are results, and the setting is each thread's own.
    with np.errstate(all="ignore"):
        while True:
            job = _next(queue, team)
            if job is not None:
                job.join()


def _next(queue: SimpleQueue[_Job | None], team: Words) -> _Job | None:
    """The next job: looked for awhile, while rounds are helped with, then slept for. None is to look again."""
    look = np.array([address(team), _Pool.turns, team[Team.JOBS // _WORD], -1], np.int64)
    with contextlib.suppress(Empty):
        return queue.get_nowait()
    if _Pool.kernels is not None:
        _Pool.kernels.look(address(look))
    with contextlib.suppress(Empty):
        return queue.get_nowait()
    return queue.get()


def _after_fork() -> None:
    """Forget the threads: the child has none of them."""
    _Pool.queue = None
    _Pool.size = 0
    _Pool.team = _words(Team.SIZE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
