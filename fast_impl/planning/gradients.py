"""Which method computes the gradients of a problem.

Generated kernels (`fast_impl.gradients.direct`) do where there are any. Elsewhere it is one product
of patches for few filters (`fast_impl.gradients.patches`), or products over taps
(`fast_impl.gradients.blocks`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward.method import MOST_TAPS
from fast_impl.forward.scatter import has_more_taps_than_pixels
from fast_impl.gradients import direct, scatter
from fast_impl.gradients.blocks import Backward
from fast_impl.gradients.direct import DirectBackward
from fast_impl.gradients.patches import PatchesBackward, suits
from fast_impl.kernels import native
from fast_impl.kernels.target import Target
from fast_impl.planning import planner
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Elements whose sum is worth the time to wake a thread.
_LARGE = 1 << 18
# The method for gradients that works as a forward method does.
_RELATIVES = {
    "direct": "direct", "col2im": "direct", "blocks": "blocks", "planar": "blocks", "small": "patches", "scatter": "scatter",
}  # fmt: skip


@functools.lru_cache(maxsize=256)
def planned(
    problem: Problem,
    threads: int,
    limit: int,
    target: Target | None,
    algorithm: str | None = None,
) -> Backward | DirectBackward | PatchesBackward | None:
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
    if method in (None, "direct") and target is not None and direct.suits(problem, limit):
        generated = DirectBackward.planned(problem, threads, limit, target)
        if generated is not None:
            return generated
    if method in (None, "patches") and suits(problem, threads, limit):
        return PatchesBackward(problem, threads)
    return Backward(problem, threads, limit) if method in (None, "blocks") else None


def _all_finite(arrays: Sequence[Array], threads: int) -> bool:
    found = [False] * len(arrays)

    def task(number: int, seat: int) -> None:  # noqa: ARG001
        found[number] = planner.all_finite(arrays[number])

    large = max(array.size for array in arrays) > _LARGE
    workers.run(task, len(arrays), threads if large else 1)
    return all(found)


def gradients(
    problem: Problem, inputs: Array, kernel: Array, gradient: Array, algorithm: str | None = None
) -> tuple[Array, Array, Array]:
    """Compute the gradients of inputs, kernel and bias; `algorithm` as for `planned`."""
    whole = kernel
    problem, taps = problem.trimmed()
    kernel = kernel[taps]
    found = (
        memory.result(problem.input_shape, problem.dtype),
        memory.result(problem.kernel_shape, problem.dtype),
        np.empty((problem.filters,), problem.dtype),
    )
    limit = planner.WORKSPACE_LIMIT
    threads = planner.default_threads()
    plan = planned(problem, threads, limit, native.target(), algorithm)
    with np.errstate(all="ignore"):
        if plan is not None:
            plan.run(inputs, kernel, gradient, found)
        # Zeros of the padded layouts met every value; only finite ones leave no trace.
        if plan is None or not _all_finite(found[:2], threads):
            scatter.input_gradient(problem, kernel, gradient, found[0], limit)
            scatter.kernel_gradient(problem, inputs, gradient, found[1], limit)
            scatter.bias_gradient(problem, gradient, found[2])
    if kernel is whole or kernel.shape == whole.shape:
        return found
    to_kernel = np.zeros(whole.shape, problem.dtype)
    to_kernel[taps] = found[1]
    return found[0], to_kernel, found[2]
