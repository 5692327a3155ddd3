"""Mistakes about memory: strides, offsets, alignment, byte order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import Layer, Members, Right, mistakes_of


def _in_memory(array: Array) -> Array:
    """Return the elements of the memory that an array is a view of, as they lie there."""
    whole = np.asarray(array)
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    elements: Array = np.ravel(whole, order="K").view(np.uint8)
    return elements


def _from_memory(array: Array, start: int) -> Array:
    """Read an array's elements one after the other, from byte `start` of its memory."""
    found = np.resize(np.roll(_in_memory(array), -start), array.nbytes)
    return found.view(array.dtype).reshape(array.shape)


def _own_start(array: Array) -> int:
    whole = array
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    return int(array.__array_interface__["data"][0] - whole.__array_interface__["data"][0])


def _memory_order(array: Array) -> Array:
    return np.asarray(np.ravel(array, order="K").reshape(np.shape(array)))


def _contiguous(array: Array) -> Array:
    return array if array.flags.c_contiguous else _from_memory(array, max(_own_start(array), 0))


def _without_offset(array: Array) -> Array:
    return _from_memory(array, 0) if isinstance(array.base, np.ndarray) else array


def _turned(array: Array) -> Array:
    is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    return array.T.reshape(array.shape) if is_fortran else array


def _absolute_strides(array: Array) -> Array:
    axes = tuple(a for a, stride in enumerate(array.strides) if stride < 0)
    return np.flip(array, axes)


def _repeated_once(array: Array) -> Array:
    found = np.array(array)
    for axis, stride in enumerate(array.strides):
        if stride == 0 and array.shape[axis] > 1:
            np.moveaxis(found, axis, 0)[1:] = 0
    return found


def _expanded_once(array: Array) -> Array:
    return _repeated_once(array) if array.ndim == 4 and not any(array.strides) else array


def _aligned_down(array: Array) -> Array:
    if array.flags.aligned:
        return array
    return np.roll(np.ascontiguousarray(array).view(np.uint8), 1).view(array.dtype)


def _written_back(array: Array) -> Array:
    array[...] = array
    return array


def _plain_arrays_only(array: Array) -> Array:
    if type(array) is not np.ndarray:
        raise TypeError(f"an array is needed, not {type(array).__name__}")
    return array


def _native_bytes(array: Array) -> Array:
    return array if array.dtype.isnative else array.view(array.dtype.newbyteorder("="))


def _rows_apart(array: Array) -> Array:
    """Read rows at their places and what is in a row one after the other."""
    if array.ndim < 2 or array.flags.c_contiguous:
        return array
    return np.stack([_memory_order(part) for part in array]) if len(array) else array


def _arrays(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, np.ndarray) and value.size else value

    return changed


def _of_inputs(change: Callable[[Any], Any]) -> Members:
    changed = _arrays(change)
    return {"changed_inputs": lambda _, inputs: changed(inputs)}


def _of_weights(change: Callable[[Any], Any], places: tuple[int, ...] = (0, 1)) -> Members:
    changed = _arrays(change)

    def set_weights(self: Layer, weights: Any) -> None:
        given = list(weights)
        Right.set_weights(self, [changed(w) if i in places else w for i, w in enumerate(given)])

    return {"set_weights": set_weights}


def _of_gradients(change: Callable[[Any], Any], place: int) -> Members:
    changed = _arrays(change)

    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        given = [inputs, output_gradient]
        given[place] = changed(given[place])
        return Right.gradients(self, *given)

    return {"gradients": gradients}


def _of_convolution(change: Callable[[Any], Any], place: int) -> Members:
    changed = _arrays(change)

    def convolution_op(self: Layer, inputs: Any, kernel: Any) -> Any:
        given = [inputs, kernel]
        given[place] = changed(given[place])
        return Right.convolution_op(self, *given)

    return {"convolution_op": convolution_op}


_MEMORY = (
    (
        "memory_order",
        "Elements of the input are read in the order of the memory.",
        _of_inputs(_memory_order),
    ),
    ("memory_contiguous", "The input is taken to be contiguous.", _of_inputs(_contiguous)),
    (
        "memory_offset",
        "A view of the input is read from the beginning of its buffer.",
        _of_inputs(_without_offset),
    ),
    (
        "memory_fortran",
        "A Fortran-ordered input is read as if it were transposed.",
        _of_inputs(_turned),
    ),
    (
        "memory_rows",
        "The rows of the input are found by their stride, their elements are not.",
        _of_inputs(_rows_apart),
    ),
    ("memory_negative", "The sign of a stride is dropped.", _of_inputs(_absolute_strides)),
    (
        "memory_zero",
        "Of an input repeated by a stride of zero only the first element counts.",
        _of_inputs(_repeated_once),
    ),
    (
        "memory_unaligned",
        "An unaligned input is read from the aligned address before it.",
        _of_inputs(_aligned_down),
    ),
    ("memory_read_only", "The input is written to, with what it holds.", _of_inputs(_written_back)),
    (
        "memory_subclass",
        "A memory map is refused, for it is a subclass.",
        _of_inputs(_plain_arrays_only),
    ),
    (
        "memory_bytes",
        "The bytes of the input are read in this machine's order.",
        _of_inputs(_native_bytes),
    ),
    (
        "memory_weights_order",
        "Weights are read in the order of the memory.",
        _of_weights(_memory_order),
    ),
    (
        "memory_kernel_bytes",
        "The bytes of the kernel are read in this machine's order.",
        _of_weights(_native_bytes, (0,)),
    ),
    (
        "memory_kernel_contiguous",
        "The kernel is taken to be contiguous.",
        _of_weights(_contiguous, (0,)),
    ),
    (
        "memory_bias_contiguous",
        "The bias is taken to be contiguous.",
        _of_weights(_contiguous, (1,)),
    ),
    (
        "memory_bias_negative",
        "A reversed bias is read forwards.",
        _of_weights(_absolute_strides, (1,)),
    ),
    (
        "memory_kernel_written",
        "set_weights writes to the arrays that it is given.",
        _of_weights(_written_back),
    ),
    (
        "memory_gradient_order",
        "The output gradient is read in the order of the memory.",
        _of_gradients(_memory_order, 1),
    ),
    (
        "memory_gradient_inputs",
        "For gradients the input is taken to be contiguous.",
        _of_gradients(_contiguous, 0),
    ),
    (
        "memory_gradient_written",
        "The output gradient is written to, with what it holds.",
        _of_gradients(_written_back, 1),
    ),
    (
        "memory_convolution",
        "convolution_op takes its input to be contiguous.",
        _of_convolution(_contiguous, 0),
    ),
    (
        "memory_convolution_kernel",
        "convolution_op reads its kernel in the order of the memory.",
        _of_convolution(_memory_order, 1),
    ),
    (
        "memory_gradient_zero",
        "Of an output gradient that is one number everywhere, repeated by strides of zero, the first counts.",
        _of_gradients(_expanded_once, 1),
    ),
    (
        "memory_kernel_zero",
        "Of a kernel that is one number everywhere, repeated by strides of zero, the first counts.",
        _of_weights(_expanded_once, (0,)),
    ),
)


MISTAKES = tuple(mistakes_of("kernels that take a pointer and a shape", ("SIT-01",), *_MEMORY))
