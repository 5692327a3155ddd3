"""What every method of the forward direction is: functions ``offer`` and ``propose``, and what they return.

``propose(problem, threads, limit, target)`` returns a `Proposal` or None where the algorithm does not
apply: ``threads`` is the number of participants, ``limit`` the bytes of scratch memory allowed, ``target`` what
kernels can be generated for, if anything. ``offer`` takes the same and returns an `Offer`, or None, in a
hundredth of the time, so that only methods are worked out that may be the best.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


# Taps, or groups of them, up to which a plan that looks at each takes little time.
MOST_TAPS = 1 << 12


class Executor(Protocol):
    """A way to compute one problem; immutable, so that any number of threads may share it.

    It is ``silent`` where NumPy adds and multiplies no numbers for it, and so has nothing to warn of. Executors
    whose ``form`` is equal bring a kernel into the same form.
    """

    silent: bool

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""

    @property
    def form(self) -> Hashable:
        """What distinguishes the form of its packed kernels, for kernels of one shape and format."""

    def pack(self, kernel: Array) -> Any:
        """The kernel in the form that `run` wants; may be the kernel itself."""

    def run(self, inputs: Array, packed: Any, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""


class Proposal(NamedTuple):
    """An executor with what the planner compares and `Plan.describe` prints.

    It ``multiplies_padding`` where zeros that are no inputs meet the kernel, and ``invents_weights`` where
    zeros that are no weights meet the inputs: right only as long as the kernel, or the result, is finite.
    """

    executor: Executor
    seconds: float
    workspace: int
    threads: int
    multiplies_padding: bool
    explanation: str
    invents_weights: bool = False


class Offer(NamedTuple):
    """What a method takes at least, in predicted seconds, and how its proposal is made, if it has one.

    ``packing`` is what it takes to pack a kernel, besides.
    """

    seconds: float
    packing: float
    propose: Callable[[], Proposal | None]
