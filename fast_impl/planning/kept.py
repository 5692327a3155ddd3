"""What is made once and kept: the latest results of a function, so many of them and so many bytes."""

from __future__ import annotations

import contextlib
import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, ParamSpec, TypeVar

from fast_impl.runtime.locks import Lock

Given = ParamSpec("Given")
Made = TypeVar("Made")

# Plans, and bytes of theirs, that are kept for each of the questions that they answer.
PLANS, PLAN_BYTES = 256, 32 << 20


class Kept(Generic[Given, Made]):
    """A function of hashable arguments, given in order, that keeps its latest results.

    The last result is kept whatever its size. As with ``functools.lru_cache``, two threads that ask for the same
    may both make it; they get the same.

    Args:
        function: What makes a result.
        count: Most results that are kept.
        most_bytes: Most bytes of them together.
        size: Bytes of a result.
    """

    def __init__(
        self,
        function: Callable[Given, Made],
        count: int,
        most_bytes: int,
        size: Callable[[Made], int],
    ) -> None:
        self._function: Callable[..., Made] = function
        self._size = size
        self._count, self._most_bytes = count, most_bytes
        self._defaults = function.__defaults__ or ()
        self._arguments = function.__code__.co_argcount
        self._kept: OrderedDict[Hashable, tuple[Made, int]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        functools.update_wrapper(self, function)

    def __call__(self, *given: Given.args, **named: Given.kwargs) -> Made:
        """Return the result, made now or earlier.

        Raises:
            TypeError: Arguments by name: another order of them would be another key.
        """
        if named:
            raise TypeError(f"{', '.join(named)}: arguments must be given in order")
        missing = self._arguments - len(given)
        key = given + self._defaults[-missing:] if missing else given
        found = self._kept.get(key)
        if found is None:
            return self._made(key)
        with contextlib.suppress(KeyError):  # another thread may have dropped it just now
            self._kept.move_to_end(key)
        return found[0]

    def _made(self, key: tuple[Any, ...]) -> Made:
        made = self._function(*key)
        size = self._size(made)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                return found[0]
            self._kept[key] = made, size
            self._bytes += size
            while len(self._kept) > 1 and (
                len(self._kept) > self._count or self._bytes > self._most_bytes
            ):
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped
        return made

    def cache_clear(self) -> None:
        """Forget all results."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0


def kept(
    count: int, most_bytes: int, size: Callable[[Made], int]
) -> Callable[[Callable[Given, Made]], Kept[Given, Made]]:
    """Decorate a function that `Kept` shall keep the results of."""
    return lambda function: Kept(function, count, most_bytes, size)
