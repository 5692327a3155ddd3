"""Processes that explore the pieces of a run ahead of whoever judges them."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import attrs

from conformance.judge.evidence import Evidence
from conformance.judge.judging import HarnessError
from conformance.judge.pool import SILENT_SECONDS, Hand, Lost
from conformance.run.pieces import Found, Piece, Recipe, Worker, broken, explored
from conformance.subjects import LoadError

#: What the oracle says of so many cases is remembered.
KEPT = 1000
#: A piece whose process ends is given to another one, so often.
TRIES = 2
#: A process is worth its start where it has so many cases, and has memory of its own of so many GiB.
CASES_EACH, MEMORY_EACH = 500, 1.0


@attrs.frozen
class Task:
    """A piece, and all that is needed to explore it elsewhere."""

    piece: Piece
    recipe: Recipe
    examples: int
    run_seed: int
    with_observations: bool


class Place:
    """Where a process explores: it holds one participant's subject at a time, as these take memory."""

    def __init__(self) -> None:
        self._recipe: Recipe | None = None
        self._worker: Worker | None = None
        self._evidence = Evidence(keep=KEPT)

    def explore(self, task: Task, note: Callable[[Any], None]) -> Found:
        """Explore the task's piece, noting how many cases are done."""
        note(0)
        if self._worker is None or self._recipe != task.recipe:
            self.close()
            try:
                self._worker = task.recipe.make()
            except LoadError as error:
                return broken(task.piece, HarnessError.of(error, f"starting {task.piece.subject}"))
            self._recipe = task.recipe
        worker = self._worker
        worker.spent = type(worker.spent)()
        return explored(
            task.piece,
            worker,
            examples=task.examples,
            run_seed=task.run_seed,
            beside=self._evidence,
            progress=note,
            with_observations=task.with_observations,
        )

    def close(self) -> None:
        """End the subject."""
        if self._worker is not None:
            self._worker.subject.close()
        self._worker = self._recipe = None


_PLACE = Place()


def explore_here(task: Task, note: Callable[[Any], None]) -> Found:
    """Explore a task's piece in this process, which remembers the subject for the next one."""
    return _PLACE.explore(task, note)


def processes(jobs: int | None, cases: int) -> int:
    """Return how many processes explore: as many as asked, else as many as help.

    Args:
        jobs: what the user asked for; None for what this machine has.
        cases: of the whole run.
    """
    if jobs is not None:
        return jobs
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, cases // CASES_EACH, int(_free_memory() / MEMORY_EACH)))


def _free_memory() -> float:
    """Return the GiB that are free, many where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = dict(line.split(":", 1) for line in lines)
        return int(found["MemAvailable"].split()[0]) / 2**20
    except (OSError, LookupError, ValueError):
        return 1000.0


class Crew:
    """Explores pieces in processes, in the order in which they are needed, and hands over what is found.

    A thread of its own looks after the processes, so that they go on while the run judges.

    Args:
        tasks: in the order in which they will be asked for.
        jobs: number of processes.
        seconds: how long a case may take on the subject.
        finished: called in the crew's thread with what was found, each piece once.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        *,
        jobs: int,
        seconds: float,
        finished: Callable[[Found], None],
    ) -> None:
        #: By participant, for each in the order in which they are asked for.
        self._waiting: dict[tuple[str, str], deque[Task]] = {}
        for task in tasks:
            self._waiting.setdefault(task.piece.key, deque()).append(task)
        self._pending = {task.piece for queue in self._waiting.values() for task in queue}
        self._jobs, self._limit, self._finished = jobs, SILENT_SECONDS + seconds, finished
        self._found: dict[Piece, Found] = {}
        self._error: BaseException | None = None
        self._lost: Counter[Piece] = Counter()
        self._is_over = False
        self._changed = threading.Condition()
        self._noted: deque[tuple[Piece, int]] = deque()

    def knows(self, piece: Piece) -> bool:
        """Tell whether the piece is found, or will be."""
        return piece in self._pending

    def found(self, piece: Piece, progress: Callable[[Piece, int], None]) -> Found:
        """Return what was found, once it is; each piece can be taken once.

        Args:
            piece: one that the crew `knows`.
            progress: called meanwhile with pieces, and how many of their cases are done.

        Raises:
            Exception: what `finished` has raised.
        """
        _ = self._thread
        while True:
            self.tell(progress)
            with self._changed:
                if self._error is not None:
                    raise self._error
                if piece in self._found:
                    self._pending.discard(piece)
                    return self._found.pop(piece)
                self._changed.wait(0.1)

    def drop(self, key: tuple[str, str]) -> None:
        """Explore no more of a participant."""
        self._waiting.get(key, deque()).clear()
        self._pending = {piece for piece in self._pending if piece.key != key}

    def tell(self, progress: Callable[[Piece, int], None]) -> None:
        """Tell what was noted since."""
        last: Mapping[Piece, int] = {}
        while self._noted:
            piece, done = self._noted.popleft()
            last = {**last, piece: done}
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
        hands: list[Hand[Task]] = []
        try:
            hands += [Hand(explore_here, self._note) for _ in range(self._jobs)]
            last: dict[int, tuple[str, str]] = {}
            while not self._is_over:
                for number, hand in enumerate(hands):
                    task = None if hand.busy else self._next(number, last)
                    if task is not None:
                        last[number] = task.piece.key
                        hand.give(task)
                busy = [hand for hand in hands if hand.busy]
                if not busy:
                    return
                wait([hand.connection for hand in busy], timeout=0.1)
                for hand in busy:
                    self._hear(hand)
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            for hand in hands:
                hand.kill()

    def _next(self, number: int, last: Mapping[int, tuple[str, str]]) -> Task | None:
        """Take the piece that a process does next: of the subject that it has, or of the one that fewest have."""
        waiting = [key for key, queue in self._waiting.items() if queue]
        if not waiting:
            return None
        own = last.get(number)
        others = Counter(key for process, key in last.items() if process != number)
        # `min` takes the first of equals: the order in which pieces are asked for.
        chosen = own if own in waiting else min(waiting, key=lambda key: others[key])
        return self._waiting[chosen].popleft()

    def _note(self, task: Task, done: int) -> None:
        self._noted.append((task.piece, done))

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
                self._waiting[task.piece.key].appendleft(task)
                return
            found = HarnessError(f"exploring {task.piece.family!r}: {found.reason}")
        if isinstance(found, HarnessError):
            found = broken(task.piece, found)
        self._finished(found)
        with self._changed:
            self._found[task.piece] = found
            self._changed.notify_all()
