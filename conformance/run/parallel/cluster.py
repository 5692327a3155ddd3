"""Workers of a Dask cluster, on any machines, that explore the pieces of a run ahead of whoever judges them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from typing import Any

from hypothesis.errors import HypothesisDeprecationWarning

from conformance import __version__
from conformance.judge.judging import HarnessError
from conformance.run.parallel.crew import close_here, explore_here
from conformance.run.parallel.explorer import Explorer, Task
from conformance.run.parallel.pieces import Found, Piece, broken, size

#: So many pieces for each worker, and so many more, are explored ahead of the one that is judged.
AHEAD_EACH, AHEAD = 8, 256
#: Seconds until a scheduler must have answered, and a worker must be there, at first and when all are lost.
CONNECT_SECONDS = 60
#: Workers may come and go: they are counted so often.
COUNT_SECONDS = 5.0
#: A worker explores one piece at a time, however many threads it has.
_ONE_AT_A_TIME = threading.Lock()


class ClusterError(Exception):
    """There is no cluster, or none any more; the message is one line for the user."""


class Cluster(Explorer):
    """Explores pieces on the workers of a cluster, and hands over what is found.

    A piece whose worker dies is explored by another one, as often as the cluster's `allowed-failures` says. What
    comes of a piece is taken once.

    Args:
        client: of `distributed`, connected.
        tasks: in the order in which they will be asked for.
        finished: called in a thread of the client's with what was found, each piece once.
    """

    def __init__(
        self, client: Any, tasks: Iterable[Task], finished: Callable[[Found], None]
    ) -> None:
        self._client, self._waiting = client, deque(tasks)
        super().__init__(self._waiting, finished)
        self._sizes = {task.piece: size(task.piece, task.asked.examples) for task in self._waiting}
        self._name = uuid.uuid4().hex
        self._given: dict[Piece, Any] = {}
        self._done: deque[Piece] = deque()
        self._workers, self._counted = 1, -COUNT_SECONDS
        #: Since when no worker is there.
        self._alone: float | None = None

    @property
    def at(self) -> tuple[Piece, ...]:
        """The pieces that the workers are at now, or come to next."""
        with self._changed:
            return tuple(self._given)[: self._workers]

    def drop(self, key: tuple[str, str]) -> None:
        """Explore no more of a participant."""
        self._waiting = deque(task for task in self._waiting if task.piece.key != key)
        super().drop(key)
        with self._changed:
            dropped = [self._given.pop(piece) for piece in [*self._given] if piece.key == key]
            for piece in [piece for piece in self._found if piece.key == key]:
                del self._found[piece]
        self._client.cancel(dropped)

    def close(self) -> None:
        """Let the workers do nothing more of this run, and end its subjects there."""
        with self._changed:
            left, self._given = [*self._given.values()], {}
            self._waiting.clear()
        if self._client.status == "running":
            self._client.cancel(left)
            self._client.run(close_here, on_error="ignore")

    def _go_on(self, progress: Callable[[Piece, int], None]) -> None:
        """Give the workers what comes next, and tell what they have found.

        Raises:
            ClusterError: the scheduler is gone, or all workers are for long.
        """
        self._count()
        ahead = AHEAD + AHEAD_EACH * self._workers
        while self._waiting and len(self._given) + len(self._found) < ahead:
            task = self._waiting.popleft()
            place = f"conformance-{self._name}-{len(self._sizes) - len(self._waiting)}"
            future = self._client.submit(explore_on_worker, task, _versions(), key=place)
            with self._changed:
                self._given[task.piece] = future
            # In a thread of the client's, so that nothing that is found waits for who judges.
            future.add_done_callback(lambda done, task=task: self._take(task, done))
        while self._done:
            done = self._done.popleft()
            progress(done, self._sizes[done])

    def _count(self) -> None:
        """Count the workers.

        Raises:
            ClusterError: the scheduler is gone, or all workers are for long.
        """
        now = time.monotonic()
        if now < self._counted + COUNT_SECONDS:
            return
        self._counted = now
        try:
            there = len(self._client.ncores())
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"the scheduler is gone: {error}") from error
        if there:
            self._workers, self._alone = there, None
        elif self._alone is None:
            self._alone = now
        elif now > self._alone + CONNECT_SECONDS:
            raise ClusterError(f"the cluster has had no worker for {CONNECT_SECONDS} seconds")

    def _take(self, task: Task, future: Any) -> None:
        """Keep what was found of a piece, unless nobody wants it any more."""
        try:
            found = self._result(task, future)
            with self._changed:
                # After `close`, nothing is wanted, and the record may be at its end.
                if found is None or self._given.pop(task.piece, None) is None:
                    return
                self._finished(found)
                self._done.append(task.piece)
                self._keep(found)
        except BaseException as error:
            self._fail(error)

    def _result(self, task: Task, future: Any) -> Found | None:
        """Return what a worker has found; None where that is not wanted any more."""
        from distributed import CancelledError, KilledWorker

        try:
            found: Found = future.result()
        except KilledWorker as error:
            told = f"exploring {task.piece.family!r}: {error}"
            return broken(task.piece, task.asked, HarnessError(told))
        except (CancelledError, asyncio.CancelledError) as error:
            with self._changed:
                if task.piece not in self._given:
                    return None
            raise ClusterError(f"the scheduler has given up what it was to do: {error}") from error
        except Exception as error:
            raised = HarnessError.of(error, f"exploring {task.piece.family!r}")
            return broken(task.piece, task.asked, raised)
        return found


def explore_on_worker(task: Task, versions: dict[str, str]) -> Found:
    """Explore a task's piece in a worker's process.

    Raises:
        ValueError: here is another release than where the run is judged.
    """
    if versions != _versions():
        raise ValueError(f"the worker has {_versions()}, the run {versions}: install the same")
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # Other threads of a worker use `random`, too, which hypothesis takes for the doing of a strategy.
        warnings.simplefilter("ignore", HypothesisDeprecationWarning)
        return explore_here(task, lambda _: None)


def _versions() -> dict[str, str]:
    """Return the releases that decide which cases there are."""
    return {"conformance": __version__, "hypothesis": metadata.version("hypothesis")}


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Any]:
    """Provide a client of `distributed`.

    Args:
        scheduler: its address; None for a cluster of this machine alone.
        workers: of such a cluster.

    Raises:
        ClusterError: there is no such scheduler, or no worker.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        needed = "pip install 'conv2d-transpose-conformance[campaign]'"
        raise ClusterError(f"campaigns need dask.distributed ({error}): {needed}") from error
    with contextlib.ExitStack() as ending:
        try:
            at: Any = scheduler
            if scheduler is None:
                local = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    memory_limit=None,
                    silence_logs=logging.CRITICAL,
                )
                at = ending.enter_context(local)
            client = Client(at, set_as_default=False, timeout=CONNECT_SECONDS)
            ending.enter_context(client)
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise ClusterError(f"no worker has come to {scheduler or 'the cluster'}") from error
        except (OSError, ValueError) as error:
            raise ClusterError(f"there is no scheduler at {scheduler}: {error}") from error
        yield client
