"""Locks that are open in a child process, whoever held them in the parent when it forked."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:

    class _RLock:
        def acquire(self, blocking: bool = True) -> bool: ...
        def release(self) -> None: ...
        def __enter__(self) -> bool: ...
        def __exit__(self, *error: object) -> None: ...
        def _is_owned(self) -> bool: ...
        def _at_fork_reinit(self) -> None: ...

else:
    # Python's own in C: Ctrl-C comes before it is taken or after it is open again, never between, as it may where
    # a method in Python takes it for a `with`. A lock that nobody opens stops every other thread for ever.
    _RLock = type(threading.RLock())


class Lock(_RLock):
    """A lock that its thread may take again. A copy, and one from a pickle, is a new one."""

    def __init__(self) -> None:
        super().__init__()
        _locks.add(self)

    def take(self) -> bool:
        """Acquire it if nobody else holds it; whether that was so."""
        return self.acquire(blocking=False)

    def after_fork(self) -> None:
        """Open it, unless the thread that forked, the only one of the child, holds it."""
        if not self._is_owned():
            self._at_fork_reinit()

    def __reduce__(self) -> tuple[Any, ...]:
        return Lock, ()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in _locks:
        lock.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
