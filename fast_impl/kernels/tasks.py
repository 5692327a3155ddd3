"""Calls of kernels in tasks, but for the addresses of arrays, ready to be made any number of times.

A kernel counts in its call, so every run needs a copy of all calls. The copies are kept, as many as there were
runs at one time: to fill one in takes half a microsecond.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.kernels.made import Kernel, team
from fast_impl.kernels.target import Target
from fast_impl.runtime import checking, workers
from fast_impl.runtime.addresses import address

Array = npt.NDArray[Any]
# Of a task its calls, one after the other: a kernel, and which of all calls it is told.
Task = list[tuple[Kernel, int]]
# The arrays that each field of a call is an address in (`fast_impl.runtime.checking.prove`).
Operands = Callable[[], Mapping[int, Array | Sequence[Array]]]
# Takes a part, and the most threads.
DoPart = Callable[[int, int], None]

_WORD = 8
# Calls up to which it is faster to write down what is added to each than to have NumPy repeat it.
_FEW = 8


class Tasks:
    """Calls in tasks.

    Args:
        template: ``[calls, words]``, what each call is told; in the fields for addresses of arrays, bytes from
            where these begin.
        field: The first of the fields for addresses, in bytes.
        count: How many there are, one after the other.
        tasks: The tasks, which may be done in any order, or at the same time.
        target: Whose kernels they are.
        parts: How many parts of the tasks are done one after the other: between them, Ctrl-C is heard. A part may
            have no task.

    Attributes:
        template: The same.
        tasks: The same.
        parts: Which of the tasks each part is.
    """

    def __init__(
        self,
        template: Array,
        field: int,
        count: int,
        tasks: list[Task],
        target: Target,
        parts: int = 1,
    ) -> None:
        self.template, self.tasks = template, tasks
        self._field, self._count = field, count
        self._free: list[Room] = []
        self._team = team(target)
        self._calls, ends = self._table()
        self._starts = ends + address(self._calls)
        cuts = [len(tasks) * part // parts for part in range(parts + 1)]
        self.parts = [range(low, high) for low, high in itertools.pairwise(cuts)]

    def _table(self) -> tuple[Array, Array]:
        """Of each call where its code is and what it is told, from the first one on; and where tasks begin."""
        if self._team is None:
            return np.empty((0, 2), np.int64), np.empty(0, np.int64)
        step = self.template.shape[1] * _WORD
        calls = [(kernel.address, row * step) for task in self.tasks for kernel, row in task]
        ends = np.cumsum([0, *map(len, self.tasks)]) * (2 * _WORD)
        return np.array(calls, np.int64).reshape(-1, 2), ends

    @property
    def nbytes(self) -> int:
        """Bytes that are kept, but for Python's objects."""
        return self.template.nbytes * 2 + self._calls.nbytes + self._starts.nbytes

    def run(self, addresses: Sequence[int], threads: int, operands: Operands) -> None:
        """Make all calls, in the order of each task.

        Args:
            addresses: Of the arrays.
            threads: Most threads.
            operands: Asked for if calls are checked (`fast_impl.runtime.checking`).
        """
        do, room = self.filled(addresses, operands)
        if threads == 1 and self._team is not None:
            for place in room.alone:
                self._team.lead(place)
        else:
            for part in range(len(self.parts)):
                do(part, threads)
        self._free.append(room)

    def filled(self, addresses: Sequence[int], operands: Operands) -> tuple[DoPart, Room]:
        """Fill the addresses in.

        Returns:
            What makes the calls of one of the `parts`, on at most so many threads; parts may be done at the same
            time. And what `give` takes back when all are done. A run that fails keeps it.
        """
        try:
            room = self._free.pop()
        except IndexError:
            room = self._new_room()
        told = room.filled(*addresses)
        if checking.wanted():
            checking.prove(self.tasks, told, operands())
            checking.same([self._calls, self._starts - address(self._calls)], self._table())
        return room.shared if self._team is not None else room.called, room

    def give(self, room: Room) -> None:
        """Take it back."""
        self._free.append(room)

    def _new_room(self) -> Room:
        return Room(self.template, self._field, self._count, self.tasks, self._starts, self.parts)


class Room:
    """A copy of some calls, for one run at a time."""

    def __init__(
        self,
        template: Array,
        field: int,
        count: int,
        tasks: list[Task],
        starts: Array,
        parts: list[range],
    ) -> None:
        calls, words = template.shape
        behind = words * _WORD - field - count * _WORD
        self._times = calls if calls <= _FEW else 1
        self._pack = struct.Struct("=" + f"{field}x{count}q{behind}x" * self._times).pack_into
        self._template, self._tasks, self._parts = template, tasks, parts
        self._bases: Any = np.zeros((self._times, words), np.int64)
        self._calls = np.empty(template.shape, np.int64)
        self.first, self._step = address(self._calls), words * _WORD
        places = [address(starts) + part.start * _WORD for part in parts]
        self.rounds = [
            workers.SharedRound(place, len(part), self.first)
            for place, part in zip(places, parts, strict=True)
        ]
        # What one thread leads, one after the other.
        self.alone = [round_.alone for round_ in self.rounds]

    def filled(self, *addresses: int) -> Array:
        """Fill the addresses in; return ``[calls, words]``."""
        self._pack(self._bases, 0, *(addresses * self._times))
        np.add(self._template, self._bases, self._calls)
        return self._calls

    def shared(self, part: int, threads: int) -> None:
        """Make the calls of a part by kernels."""
        workers.share(self.rounds[part], threads)

    def called(self, part: int, threads: int) -> None:
        """Make them from Python."""
        tasks = [self._tasks[number] for number in self._parts[part]]

        def task(number: int, seat: int) -> None:  # noqa: ARG001
            for kernel, row in tasks[number]:
                kernel(self.first + row * self._step)

        workers.run(task, len(tasks), threads)
