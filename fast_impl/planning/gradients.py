"""Which method computes the gradients of a problem.

The smallest problems are one look-up and three products (`fast_impl.gradients.small`). For the others it is
generated kernels (`fast_impl.gradients.direct`) where there are any. Elsewhere it is one product of patches
for few filters (`fast_impl.gradients.patches`), or products over taps (`fast_impl.gradients.blocks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.forward.method import MOST_TAPS
from fast_impl.forward.scatter import has_more_taps_than_pixels
from fast_impl.gradients import direct, scatter, small
from fast_impl.gradients.blocks import Backward
from fast_impl.gradients.direct import DirectBackward
from fast_impl.gradients.patches import PatchesBackward, suits
from fast_impl.gradients.small import SmallBackward
from fast_impl.kernels import native
from fast_impl.kernels.target import Target
from fast_impl.planning import planner
from fast_impl.planning.kept import PLAN_BYTES, PLANS, kept
from fast_impl.problem.dtypes import DType, accumulator
from fast_impl.problem.problem import Options, Problem
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Bytes of Python's objects for a plan, about.
_OBJECT_BYTES = 16 << 10
# Elements whose sum is worth the time to wake a thread.
_LARGE = 1 << 18
# The method for gradients that works as a forward method does.
_RELATIVES = {
    "direct": "direct", "col2im": "direct", "blocks": "blocks", "planar": "blocks", "small": "small",
    "scatter": "scatter",
}  # fmt: skip


Method = Backward | DirectBackward | PatchesBackward | SmallBackward


def _bytes(method: Method | None) -> int:
    return _OBJECT_BYTES + (0 if method is None else method.nbytes)


@kept(PLANS, PLAN_BYTES, _bytes)
def planned(
    problem: Problem,
    threads: int,
    limit: int,
    target: Target | None,
    algorithm: str | None = None,
) -> Method | None:
    """Return the plan for the gradients of a problem; None where the scatter has to do them.

    Args:
        problem: The problem.
        threads: Most threads.
        limit: Bytes of scratch memory allowed.
        target: For which generated kernels are made, if any.
        algorithm: A forward method, whose relative among the methods for gradients does them where it can, else
            the scatter; None is the best for the problem.
    """
    if not problem.multiply_adds or accumulator(problem.dtype).kind != "f":
        return None
    taps = problem.height.kernel * problem.width.kernel
    if taps > MOST_TAPS and has_more_taps_than_pixels(problem):
        return None
    method = None if algorithm is None else _RELATIVES[algorithm]
    if method in (None, "small") and small.suits(problem, limit):
        return SmallBackward(problem)
    if method in (None, "direct") and target is not None and direct.suits(problem, limit):
        generated = DirectBackward.planned(problem, threads, limit, target)
        if generated is not None:
            return generated
    if method in (None, "small") and suits(problem, threads, limit):
        return PatchesBackward(problem, threads)
    return Backward(problem, threads, limit) if method in (None, "blocks") else None


def _all_finite(arrays: Sequence[Array], threads: int) -> bool:
    if max((array.size for array in arrays), default=0) <= _LARGE:
        return all(map(planner.all_finite, arrays))
    found = [False] * len(arrays)

    def task(number: int, seat: int) -> None:  # noqa: ARG001
        found[number] = planner.all_finite(arrays[number])

    workers.run(task, len(arrays), threads)
    return all(found)


class GradientPlan(NamedTuple):
    """How the gradients of one problem are computed.

    Attributes:
        whole: The problem.
        problem: The same without taps that reach no output; these are ``taps``.
        taps: The rows and columns of the kernel that are left.
        method: What computes them; None for the scatter.
        threads: Most threads.
        limit: Bytes of scratch memory allowed.
    """

    whole: Problem
    problem: Problem
    taps: tuple[slice, slice]
    method: Method | None
    threads: int
    limit: int

    def size(self) -> int:
        """Bytes that it keeps, about."""
        return _bytes(self.method)

    def run(self, inputs: Array, kernel: Array, gradient: Array) -> tuple[Array, Array, Array]:
        """Compute the gradients of inputs, kernel and bias, of arrays that were checked before."""
        problem, threads = self.problem, self.threads
        trimmed = problem is not self.whole
        if trimmed:
            kernel = kernel[self.taps]
        found = (
            memory.result(problem.input_shape, problem.dtype),
            memory.result(problem.kernel_shape, problem.dtype),
            np.empty((problem.filters,), problem.dtype),
        )
        with np.errstate(all="ignore"):
            if self.method is not None:
                self.method.run(inputs, kernel, gradient, found)
            # Zeros of the padded layouts met other values; only finite ones leave no trace.
            suspects: Sequence[Array] = found[:2]
            if isinstance(self.method, DirectBackward):
                suspects = self.method.suspects(inputs, kernel, found)
            if self.method is None or not _all_finite(suspects, threads):
                scatter.input_gradient(problem, kernel, gradient, found[0], self.limit)
                scatter.kernel_gradient(problem, inputs, gradient, found[1], self.limit)
                scatter.bias_gradient(problem, gradient, found[2])
        if not trimmed:
            return found
        to_kernel = np.zeros(self.whole.kernel_shape, problem.dtype)
        to_kernel[self.taps] = found[1]
        return found[0], to_kernel, found[2]


def for_problem(
    problem: Problem, algorithm: str | None = None, target: Target | None = None
) -> GradientPlan:
    """Return how the gradients of a problem are computed here; `algorithm` as for `planned`."""
    trimmed, taps = problem.trimmed()
    limit, threads = planner.WORKSPACE_LIMIT, planner.default_threads()
    method = planned(trimmed, threads, limit, target, algorithm)
    return GradientPlan(problem, trimmed, taps, method, threads, limit)


def for_arrays(
    input_shape: tuple[int, ...],
    input_dtype: DType,
    kernel_shape: tuple[int, ...],
    kernel_dtype: DType,
    options: Options,
    algorithm: str | None = None,
) -> GradientPlan:
    """Return the same for arrays of these shapes and dtypes, after checking them."""
    arrays = input_shape, input_dtype, kernel_shape, kernel_dtype
    return checked(*arrays, options, algorithm, native.target())


@kept(PLANS, PLAN_BYTES, GradientPlan.size)
def checked(
    input_shape: tuple[int, ...],
    input_dtype: DType,
    kernel_shape: tuple[int, ...],
    kernel_dtype: DType,
    options: Options,
    algorithm: str | None,
    target: Target | None,
) -> GradientPlan:
    """Return the same for a target, made once."""
    problem = Problem.checked(input_shape, input_dtype, kernel_shape, kernel_dtype, options)
    return for_problem(problem, algorithm, target)


def gradients(
    problem: Problem, inputs: Array, kernel: Array, gradient: Array, algorithm: str | None = None
) -> tuple[Array, Array, Array]:
    """Compute the gradients of inputs, kernel and bias; `algorithm` as for `planned`."""
    return for_problem(problem, algorithm, native.target()).run(inputs, kernel, gradient)
