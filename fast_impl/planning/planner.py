"""Plans: which method computes a problem, and why; immutable and kept.

A plan depends on shapes, dtype, options, the number of threads, the workspace allowed and the instruction
set, and on nothing that ran before, so the same call gives the same bits again.
"""

from __future__ import annotations

import functools
import importlib
import math
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward.method import Executor, Proposal
from fast_impl.kernels import native
from fast_impl.kernels.target import Target
from fast_impl.planning.kept import PLAN_BYTES, PLANS, kept
from fast_impl.problem import dtypes
from fast_impl.problem.doors import about, integer, operand, shown, sizes
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.problem.problem import Options, Problem
from fast_impl.runtime import blas, environment, memory, workers
from fast_impl.runtime.addresses import steps

Array = npt.NDArray[Any]

WORKSPACE_LIMIT = 64 << 20
# Elements that are looked at in less time than it takes to switch NumPy's warnings off.
_FEW = 4096
# Bytes of Python's objects for a plan, about.
_OBJECT_BYTES = 16 << 10
# Strides up to which every method's plan is small.
_LARGE_STRIDE = 64
# More threads than any machine gains from; each may own scratch memory and sums.
MOST_THREADS = 1024

_METHODS = ("direct", "col2im", "blocks", "planar", "small", "scatter")


def algorithms() -> tuple[str, ...]:
    """Return the names that `plan` takes for ``algorithm``."""
    return _METHODS


class PackedKernel:
    """A kernel in the form that one plan wants, with what the plan must know about its values.

    Args:
        plan: The plan.
        kernel: The kernel.
        alike: The same kernel, packed by a plan that wants the same form (`Plan.form`).
    """

    def __init__(self, plan: Plan, kernel: Array, alike: PackedKernel | None = None) -> None:
        self.plan = plan
        self.kernel: Array = (
            alike.kernel if alike else kernel.astype(plan.problem.dtype, copy=False)
        )
        self.packed: Any = alike.packed if alike else plan.executor.pack(self.kernel[plan.taps])
        # Whether all of it is finite; None where nobody has looked.
        self.finite: bool | None = alike.finite if alike else None
        # Zeros between the columns meet the kernel in some methods: 0 * infinity is not 0.
        if plan.multiplies_padding and self.finite is None:
            self.finite = all_finite(self.kernel)
        self.exact = not plan.multiplies_padding or bool(self.finite)


@dataclass(frozen=True, eq=False)
class Plan:
    """How one problem is computed.

    Attributes:
        problem: Sizes, geometry and format.
        algorithm: Name of the method; one of `algorithms`.
        threads: Most threads that a run uses, the caller's included.
        workspace: Bytes of scratch memory a run needs, besides arrays that are not contiguous.
        seconds: Predicted time; only its ratio to another plan's means something.
        explanation: The method in words.
        rejected: Other methods with their predicted times, or with what they would take at least.
        multiplies_padding: Whether the method multiplies zeros that are not in the input.
        invents_weights: Whether it multiplies inputs by zeros that are not in the kernel.
        executor: The method itself.
        taps: The rows and columns of the kernel that the method is given: the others reach no output.
        limit: Bytes of scratch memory allowed.
    """

    problem: Problem
    algorithm: str
    threads: int
    workspace: int
    seconds: float
    explanation: str
    rejected: tuple[tuple[str, float], ...]
    multiplies_padding: bool
    invents_weights: bool
    executor: Executor
    taps: tuple[slice, slice] = (slice(None), slice(None))
    limit: int = WORKSPACE_LIMIT

    @functools.cached_property
    def form(self) -> Hashable:
        """Plans whose forms are equal pack a kernel alike."""
        ends = tuple((taps.start, taps.stop) for taps in self.taps)
        return (self.problem.dtype, ends, self.executor.form)

    def pack(self, kernel: npt.ArrayLike) -> PackedKernel:
        """Bring ``kernel`` into this plan's form, for many runs; it must not change meanwhile."""
        kernel = operand(kernel, "kernel")
        require(kernel, "kernel", self.problem.kernel_shape, self.problem)
        return PackedKernel(self, kernel)

    def run(
        self,
        inputs: npt.ArrayLike,
        kernel: npt.ArrayLike | PackedKernel,
        *,
        bias: npt.ArrayLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """Compute the transposed convolution.

        Args:
            inputs: Array of the planned shape and dtype.
            kernel: Array of the planned shape and dtype, or what `pack` made of it.
            bias: ``(filters,)``, same dtype.
            out: Array for the result; any strides.

        Returns:
            A new array, or ``out``.

        Raises:
            InvalidArgumentError: An array of another shape or dtype.
            TypeError: ``out`` is not an array.
            ValueError: ``out`` of another shape or dtype, or read-only.
        """
        problem = self.problem
        inputs = operand(inputs, "inputs")
        require(inputs, "inputs", problem.input_shape, problem)
        if not isinstance(kernel, PackedKernel):
            kernel = self.pack(kernel)
        elif kernel.plan is not self:
            raise InvalidArgumentError("kernel was packed by another plan: pack it with this one")
        if bias is not None:
            bias = operand(bias, "bias")
            require(bias, "bias", (problem.filters,), problem)
        return self.compute(inputs, kernel, bias, out)

    def compute(
        self, inputs: Array, kernel: PackedKernel, bias: Array | None, out: Array | None
    ) -> Array:
        """Compute with arrays that were checked before."""
        problem = self.problem
        if out is None:
            out = memory.result(problem.output_shape, problem.dtype)
            result = out
        else:
            _require_output(out, problem)
            arrays = (inputs, kernel.kernel, bias)
            aliased = any(np.may_share_memory(out, a) for a in arrays if a is not None)
            aliased |= not out.dtype.isnative
            result = memory.result(problem.output_shape, problem.dtype) if aliased else out
        if not kernel.exact:
            self._compute_exactly(inputs, kernel.kernel, bias, result)
        else:
            if self.executor.silent:
                self.executor.run(inputs, kernel.packed, bias, result)
            else:
                # NaN, infinity and overflow are results here, not accidents: no warnings about them.
                with np.errstate(all="ignore"):
                    self.executor.run(inputs, kernel.packed, bias, result)
            if self.invents_weights and not all_finite(result):
                self._compute_exactly(inputs, kernel.kernel, bias, result)
        if result is not out:
            out[...] = result
        return out

    def _compute_exactly(
        self, inputs: Array, kernel: Array, bias: Array | None, result: Array
    ) -> None:
        exact = _exact(self.problem, self.limit)
        with np.errstate(all="ignore"):
            exact.run(inputs, exact.pack(kernel), bias, result)

    def describe(self) -> str:
        """Say what this plan does, what it costs, and what else there was."""
        problem = self.problem
        lines = [
            f"{self.algorithm}: {self.explanation}",
            f"{problem.input_shape} -> {problem.output_shape}, {problem.dtype.name}, kernel "
            f"{problem.kernel_shape}, {problem.multiply_adds:,} multiply-adds",
            f"{self.threads} thread(s), {self.workspace:,} bytes of workspace, predicted "
            f"{self.seconds * 1e3:.3f} ms",
        ]
        if self.rejected:
            others = ", ".join(f"{name} {seconds * 1e3:.3f} ms" for name, seconds in self.rejected)
            lines.append(f"instead of: {others}")
        if self.multiplies_padding:
            lines.append("a kernel with NaN or infinity is computed by scatter instead")
        if self.invents_weights:
            lines.append("a result with NaN or infinity is computed again by scatter")
        return "\n".join(lines)


def _plan_bytes(found: Plan) -> int:
    return _OBJECT_BYTES + found.executor.nbytes


def plan(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dtype: Any = "float32",
    dilation_rate: int | Sequence[int] = (1, 1),
    output_padding: int | Sequence[int] | None = None,
    algorithm: str | None = None,
    threads: int | None = None,
    workspace_limit: int = WORKSPACE_LIMIT,
) -> Plan:
    """Plan a transposed convolution; the same plan again for the same arguments.

    Args:
        input_shape: Four sizes in the layout of ``data_format``.
        kernel_shape: ``(kernel_height, kernel_width, filters, channels)``.
        strides: As for `conv2d_transpose`.
        padding: As for `conv2d_transpose`.
        data_format: As for `conv2d_transpose`.
        dtype: Of all arrays.
        dilation_rate: As for `conv2d_transpose`.
        output_padding: As for `conv2d_transpose`.
        algorithm: One of `algorithms`, or None for the one with the least predicted time. Where
            the one asked for does not apply (nothing to multiply, integers), it is ``scatter``.
        threads: Most threads to use, 1 to 1024; None for all cores that the process may use.
        workspace_limit: Most bytes of scratch memory.

    Raises:
        TypeError: An argument of a wrong type.
        ValueError: An argument of a wrong value.
        InvalidArgumentError: Shapes that do not fit each other.
        MemoryError: An output that no memory can hold.
    """
    if algorithm is not None and not (isinstance(algorithm, str) and algorithm in _METHODS):
        kind = ValueError if isinstance(algorithm, str) else TypeError
        raise kind(f"algorithm={shown(algorithm)} must be None or one of {', '.join(_METHODS)}")
    if threads is not None:
        threads = integer(threads, "threads", 1, MOST_THREADS)
    workspace_limit = integer(workspace_limit, "workspace_limit", 0)
    options = Options.checked(strides, padding, data_format, dilation_rate, output_padding)
    with about("dtype", dtype, "must be the name of a number format, such as 'float32'"):
        if dtype is None or isinstance(dtype, bytes):
            raise TypeError("it is none")
        number = dtypes.by_name(dtype).newbyteorder("=")
    inner, outer = sizes(input_shape, "input_shape"), sizes(kernel_shape, "kernel_shape")
    with about("dtype", dtype, "must be computed"):
        dtypes.require_computed(number, "dtype")
    with about("kernel_shape", outer, f"does not fit input_shape={inner}"):
        problem = Problem.checked(inner, number, outer, number, options)
    return planned(problem, algorithm, threads, workspace_limit, native.target())


@kept(PLANS, PLAN_BYTES, _plan_bytes)
def planned(
    problem: Problem,
    algorithm: str | None,
    threads: int | None,
    workspace_limit: int,
    target: Target | None,
    packs: bool = False,
) -> Plan:
    """Return the plan for a problem, made once; for runs each of which ``packs`` a kernel of its own."""
    # An output that no memory can hold is refused before a plan is made for its millions of phases.
    _require_room(problem)
    if threads is None:
        threads = default_threads()
    whole = problem
    problem, taps = problem.trimmed()
    names: tuple[str, ...] = _METHODS if algorithm is None else (algorithm, "scatter")
    if _sparse(problem):
        # Plans of the others grow with the stride, and their work with the output.
        names = ("scatter",)
    offers = [
        (name, made)
        for name in dict.fromkeys(names)
        if (made := _method(name).offer(problem, threads, workspace_limit, target)) is not None
    ]
    if algorithm is None:
        offers.sort(key=lambda item: item[1].seconds + packs * item[1].packing)
    best: tuple[str, Proposal] | None = None
    least_seconds = math.inf
    rejected: list[tuple[str, float]] = []
    least = sys.maxsize
    for name, made in offers:
        # What takes longer at the least is not worked out.
        if best is not None and (
            algorithm is not None or made.seconds + packs * made.packing >= least_seconds
        ):
            rejected.append((name, made.seconds))
            continue
        proposal = made.propose()
        if proposal is None:
            continue
        if proposal.workspace > workspace_limit:
            least = min(least, proposal.workspace)
            continue
        seconds = proposal.seconds + packs * made.packing
        if seconds < least_seconds:
            if best is not None:
                rejected.append((best[0], best[1].seconds))
            best, least_seconds = (name, proposal), seconds
        else:
            rejected.append((name, proposal.seconds))
    if best is None:
        raise ValueError(
            f"workspace_limit={workspace_limit} is too small for this problem: it needs {least} bytes"
        )
    name, chosen = best
    return Plan(
        whole,
        name,
        chosen.threads,
        chosen.workspace,
        chosen.seconds,
        chosen.explanation,
        tuple(sorted(rejected, key=lambda other: other[1])),
        chosen.multiplies_padding,
        chosen.invents_weights,
        chosen.executor,
        taps,
        workspace_limit,
    )


def for_arrays(
    input_shape: tuple[int, ...],
    input_dtype: dtypes.DType,
    kernel_shape: tuple[int, ...],
    kernel_dtype: dtypes.DType,
    options: Options,
    algorithm: str | None = None,
    *,
    packs: bool = False,
) -> Plan:
    """Return the plan for arrays of these shapes and dtypes, after checking them; as `planned`."""
    arrays = input_shape, input_dtype, kernel_shape, kernel_dtype
    return checked(*arrays, options, algorithm, native.target(), packs)


@kept(PLANS, PLAN_BYTES, _plan_bytes)
def checked(
    input_shape: tuple[int, ...],
    input_dtype: dtypes.DType,
    kernel_shape: tuple[int, ...],
    kernel_dtype: dtypes.DType,
    options: Options,
    algorithm: str | None,
    target: Target | None,
    packs: bool,
) -> Plan:
    """Return the same for a target, made once."""
    problem = Problem.checked(input_shape, input_dtype, kernel_shape, kernel_dtype, options)
    return planned(problem, algorithm, None, WORKSPACE_LIMIT, target, packs)


@functools.lru_cache(maxsize=1)
def default_threads() -> int:
    """Return the number of threads used unless a plan is asked for another."""
    asked = environment.count("FAST_IMPL_NUM_THREADS", MOST_THREADS)
    if asked is not None:
        return asked
    # Threads of our own and threads of a BLAS that cannot be held back would fight.
    return workers.available_cores() if blas.threads_can_be_limited() else 1


def all_finite(array: Array) -> bool:
    """Return whether no element is NaN or infinite, in one pass over most arrays."""
    if array.dtype.kind not in "fV":
        return True
    if array.size <= _FEW:
        if array.dtype.char in "fd":
            # A sum of squares that is finite has no term that is not: three times as fast.
            flat = array.ravel()
            if math.isfinite(flat.dot(flat)):
                return True
        return bool(np.isfinite(array).all())
    with np.errstate(all="ignore"):
        # Sums of finite values may overflow; only then every element is looked at.
        total = array.sum(dtype=dtypes.accumulator(array.dtype))
        return bool(np.isfinite(total)) or bool(np.isfinite(array).all())


def require(array: Array, argument: str, shape: tuple[int, ...], problem: Problem) -> None:
    """Refuse an array of another shape or dtype than the planned one."""
    if array.shape != shape:
        raise InvalidArgumentError(f"{argument} must have shape {shape}; got {array.shape}")
    if array.dtype != problem.dtype:
        raise InvalidArgumentError(
            f"{argument} was expected to be a {problem.dtype.name} array as inputs is, but its "
            f"dtype is {array.dtype.name}: nothing is cast silently"
        )


@functools.lru_cache(maxsize=64)
def _exact(problem: Problem, limit: int) -> Executor:
    proposal: Proposal = _method("scatter").propose(problem, 1, limit, None)
    return proposal.executor


def _method(name: str) -> Any:
    return importlib.import_module(f"fast_impl.forward.{name}")


def _require_output(out: Array, problem: Problem) -> None:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out={shown(out)} must be a NumPy array; got {type(out).__name__}")
    if isinstance(out, np.ma.MaskedArray):
        raise TypeError(
            "out must not be a MaskedArray: what its mask means for a result is not defined"
        )
    if out.shape != problem.output_shape or out.dtype.newbyteorder("=") != problem.dtype:
        raise ValueError(
            f"out must have shape {problem.output_shape} and dtype {problem.dtype.name}; got "
            f"{out.shape} and {out.dtype.name}"
        )
    if not out.flags.writeable:
        raise ValueError("out is read-only: pass a writeable array")
    if out.size and any(n > 1 and step == 0 for n, step in zip(out.shape, steps(out), strict=True)):
        raise ValueError("out has elements that share memory: they cannot hold a result")


def _sparse(problem: Problem) -> bool:
    """Whether most rows, or columns, of the output are reached by nothing, and a stride is large."""
    axes = (problem.height, problem.width)
    return any(axis.stride > _LARGE_STRIDE and axis.stride > 4 * axis.extent for axis in axes)


def _require_room(problem: Problem) -> None:
    try:
        np.empty(problem.output_shape, problem.dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        raise MemoryError(
            f"inputs of shape {problem.input_shape} and a kernel of shape {problem.kernel_shape} with "
            f"strides {(problem.height.stride, problem.width.stride)} give an output of shape "
            f"{problem.output_shape}, which no memory can hold: {error}"
        ) from None
