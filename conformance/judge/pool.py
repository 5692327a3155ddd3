"""Tasks in processes of their own, where one that dies or hangs costs its own task and no other."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

import attrs

from conformance.judge.judging import HarnessError
from conformance.subjects.processes.keeper import processor_seconds
from conformance.subjects.processes.patience import Patience

#: How long a process may be silent over work of ours: its start, drawing cases, the oracle.
SILENT_SECONDS = 600.0

Task = TypeVar("Task")


@attrs.frozen
class Lost:
    """What is left of a task whose process died or hung: why, and the last thing it noted."""

    reason: str
    note: Any


def conduct(
    work: Callable[[Task, Callable[[Any], None]], Any],
    tasks: Iterable[Task],
    *,
    jobs: int,
    seconds: float,
) -> Iterator[tuple[Task, Any]]:
    """Do the tasks in `jobs` processes; yield each with its result, or `Lost`, as they end.

    Args:
        work: a function of a module, called with a task and a function `note`; before it does what may
            kill the process or never end it notes what that would mean, and None after it.
        tasks: what can be pickled, done in this order.
        jobs: number of processes.
        seconds: how long after a note, other than None, a process may be silent before it is killed, as
            `Patience` counts.

    Raises:
        HarnessError: `work` raised, or a process was lost where nothing was noted.
    """
    waiting = deque(tasks)
    hands = [Hand(work) for _ in range(min(jobs, len(waiting)))]
    try:
        for hand in hands:
            hand.give(waiting.popleft())
        while busy := [hand for hand in hands if hand.busy]:
            wait([hand.connection for hand in busy], timeout=0.2)
            for hand in busy:
                result = hand.hear(seconds)
                if result is None:
                    continue
                task = hand.release()
                if isinstance(result[0], Lost) and result[0].note is None:
                    raise HarnessError(f"{result[0].reason}, at {task}")
                if waiting:
                    hand.give(waiting.popleft())
                yield task, result[0]
    finally:
        for hand in hands:
            hand.kill()


class Hand(Generic[Task]):
    """A process and the task it is at; it is started when it gets one.

    Args:
        work: as for `conduct`.
        told: called with the task and each thing noted about it.
    """

    def __init__(
        self,
        work: Callable[[Task, Callable[[Any], None]], Any],
        told: Callable[[Task, Any], None] = lambda *_: None,
    ) -> None:
        self._work, self._told = work, told
        self._process: Any = None
        self.connection: Connection
        self.task: Task | None = None
        #: How long it may still be silent; None where that has to be seen anew.
        self._patience: Patience | None = None

    @property
    def busy(self) -> bool:
        """Whether it is at a task."""
        return self.task is not None

    def give(self, task: Task) -> None:
        """Have the task done; the hand must not be busy."""
        if self._process is None:
            # Not a fork: the libraries under test have threads of their own.
            context = multiprocessing.get_context("spawn")
            self.connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(self._work, theirs), daemon=True)
            # It starts with Ctrl-C blocked, until it can do without.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                self._process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self.task, self._note, self._patience = task, None, None
        with contextlib.suppress(OSError):  # it died since; `hear` will find that out
            self.connection.send(task)

    def release(self) -> Task:
        """Take the task that has ended away."""
        assert self.task is not None
        task, self.task = self.task, None
        return task

    def hear(self, seconds: float) -> tuple[Any] | None:
        """Return the task's result, or `Lost`, as a tuple of one; None where it is not there yet.

        Raises:
            HarnessError: the work raised.
        """
        try:
            while self.connection.poll():
                self._patience = None
                kind, content = self.connection.recv()
                if kind == "done":
                    return (content,)
                if kind == "broken":
                    raise HarnessError(content)
                self._note = content
                assert self.task is not None
                self._told(self.task, content)
        except (EOFError, OSError):
            self._process.join(5)
            status = self._process.exitcode
            self.kill()
            how = (
                f"was killed by signal {-status}"
                if (status or 0) < 0
                else f"ended with status {status}"
            )
            return (Lost(f"its process {how}", self._note),)
        limit = SILENT_SECONDS if self._note is None else seconds
        if self._patience is None:
            self._patience = Patience(limit, partial(processor_seconds, self._process.pid))
        if not self._patience.wait():
            self.kill()
            return (Lost(f"no answer within {limit:g} seconds", self._note),)
        return None

    def kill(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.connection.close()
            self._process = None


def _serve(work: Callable[[Any, Callable[[Any], None]], Any], connection: Connection) -> None:
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    # Ctrl-C is the matter of who waits for us. Not SIG_IGN, which all that we start would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # What wrong layers print and warn of is nobody's concern.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with contextlib.suppress(EOFError):
        while True:
            task = connection.recv()
            try:
                result = work(task, lambda note: connection.send(("note", note)))
            except Exception as error:
                connection.send(("broken", f"{type(error).__name__}: {error}"))
            else:
                connection.send(("done", result))


def _end_with_parent(parent: int) -> None:
    """End this process when its parent is gone, even while a mistake hangs."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
