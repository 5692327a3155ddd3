"""Processes that explore the pieces of a run ahead of whoever judges them."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cached_property
from multiprocessing.connection import wait
from typing import Any

import attrs

from conformance.judge.judging import HarnessError
from conformance.judge.pool import SILENT_SECONDS, Hand, Lost
from conformance.run.parallel.explorer import Explorer, Task
from conformance.run.parallel.pieces import Found, Piece, Recipe, Worker, broken, explored, size
from conformance.subjects import LoadError

#: A piece whose process ends is given to another one, so often.
TRIES = 2


class Place:
    """Where a process explores: it holds one participant's subject at a time, as these take memory."""

    def __init__(self) -> None:
        self._recipe: Recipe | None = None
        self._worker: Worker | None = None

    def explore(self, task: Task, note: Callable[[Any], None]) -> Found:
        """Explore the task's piece, noting how many cases are done."""
        note(0)
        if self._worker is None or self._recipe != task.recipe:
            self.close()
            try:
                self._worker = task.recipe.make()
            except LoadError as error:
                told = HarnessError.of(error, f"starting {task.piece.subject}")
                return broken(task.piece, task.asked, told)
            self._recipe = task.recipe
        worker = self._worker
        worker.spent = task.recipe.spent
        return explored(task.piece, worker, task.asked, progress=note)

    def close(self) -> None:
        """End the subject."""
        if self._worker is not None:
            self._worker.subject.close()
        self._worker = self._recipe = None


_PLACE = Place()


def explore_here(task: Task, note: Callable[[Any], None]) -> Found:
    """Explore a task's piece in this process, which remembers the subject for the next one."""
    return _PLACE.explore(task, note)


def close_here() -> None:
    """End the subject that this process remembers."""
    _PLACE.close()


@attrs.define
class _Pace:
    """How fast a participant's cases are done, as far as that is known.

    Args:
        start: seconds until a new process has done its first case.
        cases, seconds: of the cases after that.
    """

    start: float | None = None
    cases: int = 0
    seconds: float = 0.0

    def is_worth(self, cases: int, hands: int) -> bool:
        """Tell whether one process more than `hands` saves more time on so many cases than its start takes."""
        if self.start is None or not self.cases:
            return False
        left = cases * self.seconds / self.cases
        return left / hands - left / (hands + 1) > self.start


class _Seat:
    """A process, and the participant whose subject it has.

    Args:
        noted: called with the seat, the task that it is at, and how many of its cases are done.
    """

    def __init__(self, noted: Callable[[_Seat, Task, int], None]) -> None:
        self.hand = Hand(explore_here, lambda task, done: noted(self, task, done))
        self.key: tuple[str, str] | None = None
        self._is_new, self._heard = True, 0.0

    def give(self, task: Task) -> None:
        """Have a task done."""
        self._is_new = self.key != task.piece.key
        self.key, self._heard = task.piece.key, time.monotonic()
        self.hand.give(task)

    def time(self, done: int, pace: _Pace) -> None:
        """Add a case to the pace of its participant."""
        now = time.monotonic()
        if done == 1 and self._is_new:
            pace.start = now - self._heard
        elif done:
            pace.cases += 1
            pace.seconds += now - self._heard
        if done:
            self._heard = now


class Crew(Explorer):
    """Explores pieces in processes, and hands over what is found.

    A thread of its own looks after the processes, so that they go on while the run judges. Participants are
    explored beside each other; one gets a further process where that is worth the start of its subject.

    Args:
        tasks: in the order in which they will be asked for.
        finished: called in the crew's thread with what was found, each piece once.
        jobs: number of processes.
        seconds: how long a case may take on the subject.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        finished: Callable[[Found], None],
        *,
        jobs: int,
        seconds: float,
    ) -> None:
        tasks = tuple(tasks)
        super().__init__(tasks, finished)
        #: By participant, for each in the order in which they are asked for.
        self._waiting: defaultdict[tuple[str, str], deque[Task]] = defaultdict(deque)
        for task in tasks:
            self._waiting[task.piece.key].append(task)
        self._paces: defaultdict[tuple[str, str], _Pace] = defaultdict(_Pace)
        self._jobs, self._limit = jobs, SILENT_SECONDS + seconds
        self._lost: Counter[Piece] = Counter()
        self._is_over = False
        self._noted: deque[tuple[Piece, int]] = deque()
        self._at: tuple[Piece, ...] = ()

    @property
    def at(self) -> tuple[Piece, ...]:
        """The pieces that are explored now."""
        return self._at

    def drop(self, key: tuple[str, str]) -> None:
        """Explore no more of a participant."""
        with self._changed:
            self._waiting.pop(key, None)
        super().drop(key)

    def _go_on(self, progress: Callable[[Piece, int], None]) -> None:
        """Start the processes, and tell what was noted since."""
        _ = self._thread
        last: dict[Piece, int] = {}
        while self._noted:
            piece, done = self._noted.popleft()
            last[piece] = done
        for piece, done in last.items():
            progress(piece, done)

    def close(self) -> None:
        """End the processes."""
        self._is_over = True
        if "_thread" in self.__dict__:
            self._thread.join()

    @cached_property
    def _thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._look_after, daemon=True)
        thread.start()
        return thread

    def _look_after(self) -> None:
        seats = [_Seat(self._note) for _ in range(self._jobs)]
        try:
            while not self._is_over:
                for seat in seats:
                    task = None if seat.hand.busy else self._next(seat, seats)
                    if task is not None:
                        seat.give(task)
                busy = [seat.hand for seat in seats if seat.hand.busy]
                self._at = tuple(hand.task.piece for hand in busy if hand.task is not None)
                if not busy:
                    return
                wait([hand.connection for hand in busy], timeout=0.1)
                for hand in busy:
                    self._hear(hand)
        except BaseException as error:
            self._fail(error)
        finally:
            for seat in seats:
                seat.hand.kill()

    def _next(self, seat: _Seat, seats: Iterable[_Seat]) -> Task | None:
        """Take the piece that a process does next, of the subject that it has, or else of one that is worth it."""
        at = Counter(one.key for one in seats if one.hand.busy)
        with self._changed:
            waiting = {key: queue for key, queue in self._waiting.items() if queue}
            # In the order in which pieces are asked for; first the participants that nobody explores.
            keys = sorted(waiting, key=lambda key: (key != seat.key, at[key] > 0))
            for key in keys:
                cases = sum(size(task.piece, task.asked.examples) for task in waiting[key])
                if key == seat.key or not at[key] or self._paces[key].is_worth(cases, at[key]):
                    return waiting[key].popleft()
        return None

    def _note(self, seat: _Seat, task: Task, done: int) -> None:
        self._noted.append((task.piece, done))
        seat.time(done, self._paces[task.piece.key])

    def _hear(self, hand: Hand[Task]) -> None:
        try:
            result = hand.hear(self._limit)
        except HarnessError as error:
            result = (error,)
        if result is None:
            return
        task, (found,) = hand.release(), result
        if isinstance(found, Lost):
            self._lost[task.piece] += 1
            if self._lost[task.piece] < TRIES:
                with self._changed:
                    self._waiting[task.piece.key].appendleft(task)
                return
            found = HarnessError(f"exploring {task.piece.family!r}: {found.reason}")
        if isinstance(found, HarnessError):
            found = broken(task.piece, task.asked, found)
        self._finished(found)
        self._keep(found)
