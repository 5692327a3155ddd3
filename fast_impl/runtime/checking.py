"""A debug switch: before a kernel runs, a proof that each address it will touch lies in its array.

With ``FAST_IMPL_CHECK=1`` in the environment, every call of a generated kernel, and every matrix product in place,
is first read as the kernel reads it: the fields of the call, its jobs, its streams of offsets. Each operand has
one array; a call that would touch a byte beyond it raises `AddressError`, and nothing runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.runtime import environment
from fast_impl.runtime.addresses import address, steps

Array = npt.NDArray[Any]
# A call's words, and its operands: checks all that the kernel would touch.
Check = Callable[[Sequence[int], "Operands"], None]


class AddressError(Exception):
    """A kernel would touch memory beyond its arrays: an error of this library, of which nothing was run."""


@functools.cache
def wanted() -> bool:
    """Whether ``FAST_IMPL_CHECK`` is set, and not to ``0``, ``off``, ``false`` or ``no``."""
    return environment.flag("FAST_IMPL_CHECK", default=False)


def prove(
    tasks: Iterable[Iterable[tuple[Any, int]]],
    told: Array,
    arrays: Mapping[int, Array | Sequence[Array]],
) -> None:
    """Check calls of generated kernels.

    Args:
        tasks: Of each call its kernel, as `fast_impl.kernels.made` makes them, and its row of ``told``.
        told: What the kernels are told, ``[calls, words]``.
        arrays: The array that each field of a call is an address in; or several, one of which it is in.

    Raises:
        AddressError: A call would touch something else.
    """
    operands = Operands(arrays)
    for task in tasks:
        for kernel, row in task:
            kernel.check(told[row].tolist(), operands)


def same(found: Sequence[Array], expected: Sequence[Array]) -> None:
    """Check that tables of calls still are what they were when they were made.

    Raises:
        AddressError: They are not.
    """
    if not all(map(np.array_equal, found, expected)):
        raise AddressError("a table of calls has changed: nothing was run")


class Operands:
    """The arrays that the fields of a call point into."""

    def __init__(self, arrays: Mapping[int, Array | Sequence[Array]]) -> None:
        self._arrays = {
            field: [found] if isinstance(found, np.ndarray) else list(found)
            for field, found in arrays.items()
        }
        self._extents = {
            field: [extent(array) for array in found] for field, found in self._arrays.items()
        }

    def require(self, field: int, low: int, high: int) -> int:
        """Return which array of a field has the bytes from ``low`` to ``high``.

        Raises:
            AddressError: None of them.
        """
        for number, (first, end) in enumerate(self._extents[field]):
            if first <= low and high <= end:
                return number
        first, end = self._extents[field][0]
        raise AddressError(
            f"a kernel would touch bytes {low - first} to {high - first} of an array that has bytes "
            f"0 to {end - first} (the operand at {field} of its call): nothing was run"
        )

    def read(self, field: int, place: int, count: int, kind: Any) -> Array:
        """Return numbers that a kernel reads, from ``place`` on, of a contiguous array; -1 for all to its end.

        Raises:
            AddressError: It has not so many.
        """
        size = np.dtype(kind).itemsize
        number = self.require(field, place, place + max(count, 1) * size)
        begin, end = self._extents[field][number]
        there = (end - place) // size if count < 0 else count
        flat = self._arrays[field][number].reshape(-1).view(np.uint8)[place - begin :]
        found: Array = flat[: there * size].view(kind)
        return found


def extent(array: Array) -> tuple[int, int]:
    """Return the address of the first byte of an array, and of the one behind its last."""
    first = end = address(array)
    if array.size:
        end += array.itemsize
        for size, step in zip(array.shape, steps(array), strict=True):
            first += min(0, (size - 1) * step)
            end += max(0, (size - 1) * step)
    return first, end
