"""Locks that are open in a child process, whoever held them in the parent when it forked."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any


class Lock:
    """A lock that its thread may take again. A copy, and one from a pickle, is a new one."""

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def take(self) -> bool:
        """Acquire it if nobody else holds it; whether that was so."""
        taken: bool = self._lock.acquire(blocking=False)
        return taken

    def release(self) -> None:
        """Release it."""
        self._lock.release()

    def after_fork(self) -> None:
        """Open it, unless the thread that forked, the only one of the child, holds it."""
        if not self._lock._is_owned():
            self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Lock, ()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in _locks:
        lock.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
