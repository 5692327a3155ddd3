"""Fresh processes at once: forked from one that has loaded a layer and done nothing with it.

A start costs half a second, most of it for imports. A layer that ends its process does so again and again, and a
failure is asked about again in a fresh process.
"""

from __future__ import annotations

import contextlib
import importlib
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from conformance.subjects.processes import keeper

#: What a child is doing, as its parent sees it when it has ended.
WAITING, ANSWERING, RENEWING = range(3)
#: Libraries that a fork may leave with locks of threads that are not there.
_UNFIT = frozenset({"tensorflow", "jax"})
#: What a library imports at its first call, and every fork would import again.
_LATER = {"fast_impl": "scipy.linalg"}
#: Seconds to end what a child has left behind.
_ENDING = 2.0


@attrs.frozen
class Surroundings:
    """What a process has that forks of it would lack, or share.

    Args:
        threads: its threads, without those of OpenBLAS, which ends them before a fork and starts them after it.
        files: its open files.
        children: the processes below it.
    """

    threads: int
    files: int
    children: int

    @classmethod
    def now(cls) -> Surroundings | None:
        """Return those of this process; None where they cannot be told."""
        if sys.platform != "linux":
            return None
        try:
            threads, files = (len([*Path("/proc/self", kind).iterdir()]) for kind in ("task", "fd"))
            maps = Path("/proc/self/maps").read_text("utf-8", "replace")
        except OSError:
            return None
        libraries = {line.split()[-1] for line in maps.splitlines() if "openblas" in line}
        own = max(0, threads - len(libraries) * (len(os.sched_getaffinity(0)) - 1))
        return cls(own, files, len(keeper.descendants(os.getpid())))


def can_fork(before: Surroundings | None) -> bool:
    """Tell whether forks are as good as processes that are started: loading the layer has made nothing of its own.

    Args:
        before: the surroundings before the layer was loaded.
    """
    return before is not None and Surroundings.now() == before and not _UNFIT & sys.modules.keys()


def answer_in_children(
    serve: Callable[[Callable[[int], None]], None], answer: Callable[[Mapping[str, Any]], None]
) -> None:
    """Have children answer, each until it ends, and say how one ended that owed an answer.

    Returns in a child whose questions have ended, which may do what it has to do at its end; not in this process.

    Args:
        serve: answers questions until there are no more, and notes what it is doing.
        answer: writes an answer.
    """
    doing, own = mmap.mmap(-1, 1), os.getpid()
    keeper.adopt_orphans()
    for library, needed in _LATER.items():
        if library in sys.modules:
            importlib.import_module(needed)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or each child would write it
    while True:
        doing[0] = WAITING
        child = os.fork()
        if child == 0:
            _begin(own)
            serve(lambda what: doing.__setitem__(0, what))
            return
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _end_others(own)
        if doing[0] == RENEWING:
            answer({"kind": "renewed"})
        elif doing[0] == ANSWERING or (status and sys.stdin.readline()):
            answer({"observation": {"outcomes": [], "crash": in_words(status)}})
        else:
            os._exit(status if status > 0 else 0)


def in_words(status: int) -> str:
    """Return how a process ended: its exit status, or minus its signal."""
    if status >= 0:
        return f"the process exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "an unknown signal"
    return f"the process was killed by signal {-status} ({name})"


def _begin(parent: int) -> None:
    """Have a fork end with its parent, and draw other numbers than the fork before it."""
    keeper.end_with_parent(parent)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _end_others(own: int) -> None:
    """End every process below this one."""
    deadline = time.monotonic() + _ENDING
    while (found := keeper.descendants(own)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
