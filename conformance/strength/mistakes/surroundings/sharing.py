"""Mistakes about arrays that the layer and its caller share."""

from __future__ import annotations

from typing import Any

import numpy as np

import fast_impl
from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import Layer, Members, Right, mistakes_of, own_state


def _kept_in(buffers: dict[Any, Array], name: str, found: Any) -> Any:
    if not isinstance(found, np.ndarray):
        return found
    kept = buffers.setdefault((name, found.shape, found.dtype.name), np.empty_like(found))
    kept[...] = found
    return kept


def _one_buffer(self: Layer, _: Array, outputs: Array) -> Array:
    found: Array = _kept_in(own_state(self, "_buffers"), "call", outputs)
    return found


_OF_ALL: dict[Any, Array] = {}


def _buffer_of_all(_: Layer, __: Array, outputs: Array) -> Array:
    found: Array = _kept_in(_OF_ALL, "call", outputs)
    return found


def _arena(self: Layer, _: Array, outputs: Array) -> Array:
    size = max(outputs.size, getattr(self, "_size", 0))
    if size > getattr(self, "_size", -1) or self._arena.dtype != outputs.dtype:
        self._size, self._arena = size, np.empty(size, outputs.dtype)
    found: Array = self._arena[: outputs.size].reshape(outputs.shape)
    found[...] = outputs
    return found


def _cached_result(self: Layer, inputs: Array, outputs: Array) -> Array:
    key = inputs.tobytes(), inputs.shape, *(w.tobytes() for w in Right.get_weights(self))
    found: Array = own_state(self, "_results").setdefault(key, outputs)
    return found


def _by_identity(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if not isinstance(inputs, np.ndarray):
        return Right.__call__(self, inputs, *args, **kwargs)
    if getattr(self, "_seen", None) is not inputs or self._now != _weight_bytes(self):
        self._outputs = Right.__call__(self, inputs, *args, **kwargs)
        self._seen, self._now = inputs, _weight_bytes(self)
    return np.copy(self._outputs)


def _weight_bytes(self: Layer) -> tuple[bytes, ...]:
    return tuple(weight.tobytes() for weight in Right.get_weights(self))


def _keeping(*places: int) -> Members:
    """What the caller writes into the arrays of set_weights later reaches the layer."""

    def set_weights(self: Layer, weights: Any) -> None:
        given = list(weights)
        Right.set_weights(self, given)
        self._kept = {p: given[p] for p in places if p < len(given)}

    def refresh(self: Layer) -> None:
        now = Right.get_weights(self)
        for place, array in getattr(self, "_kept", {}).items():
            now[place] = array
        if now:
            Right.set_weights(self, now)

    def call(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        refresh(self)
        return Right.__call__(self, inputs, *args, **kwargs)

    def apply_gradients(self: Layer, gradients: Any, learning_rate: float) -> None:
        self._kept = {}
        Right.apply_gradients(self, gradients, learning_rate)

    return {"set_weights": set_weights, "__call__": call, "apply_gradients": apply_gradients}


def _live_weights(*places: int) -> Members:
    """What the caller writes into what get_weights gave reaches the layer."""

    def sync(self: Layer) -> None:
        lent = getattr(self, "_lent", None)
        if lent is not None:
            now = Right.get_weights(self)
            Right.set_weights(self, [lent[p] if p in places else w for p, w in enumerate(now)])

    def get_weights(self: Layer) -> Any:
        sync(self)
        now = Right.get_weights(self)
        if getattr(self, "_lent", None) is None:
            self._lent = now
        return [self._lent[p] if p in places else w for p, w in enumerate(now)]

    def set_weights(self: Layer, weights: Any) -> None:
        Right.set_weights(self, weights)
        lent = getattr(self, "_lent", None)
        for old, new in zip(lent or (), Right.get_weights(self)):
            old[...] = new

    def call(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        sync(self)
        return Right.__call__(self, inputs, *args, **kwargs)

    def apply_gradients(self: Layer, gradients: Any, learning_rate: float) -> None:
        sync(self)
        self._lent = None
        Right.apply_gradients(self, gradients, learning_rate)

    return {
        "get_weights": get_weights,
        "set_weights": set_weights,
        "apply_gradients": apply_gradients,
        "__call__": call,
    }


def _same_object(self: Layer, weights: Any) -> None:
    """The array that is set already is set again: nothing to do, or so it seems."""
    kernel = next(iter(weights), None)
    if isinstance(kernel, np.ndarray) and kernel is getattr(self, "_last_kernel", None):
        return
    Right.set_weights(self, weights)
    self._last_kernel = kernel


def _shared_gradients(*places: int) -> Members:
    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        found: list[Any] = list(Right.gradients(self, inputs, output_gradient))
        for place in places:
            found[place] = _kept_in(own_state(self, "_gradients"), str(place), found[place])
        return fast_impl.functional.Gradients(*found)

    return {"gradients": gradients}


def _shared_convolution(self: Layer, inputs: Any, kernel: Any) -> Any:
    return _kept_in(own_state(self, "_buffers"), "op", Right.convolution_op(self, inputs, kernel))


def _changes(what: Any) -> None:
    if isinstance(what, np.ndarray) and what.size and what.flags.writeable:
        what.reshape(-1)[-1] += what.dtype.type(1)


def _damaging(method: str, place: int) -> Members:
    def damaging(self: Layer, *given: Any) -> Any:
        found = getattr(Right, method)(self, *given)
        what = given[place]
        for array in what if isinstance(what, list) else [what]:
            _changes(array)
        return found

    return {method: damaging}


_SHARING = (
    (
        "shared_result",
        "The result is a buffer that the next call of the same shape overwrites.",
        {"changed_outputs": _one_buffer},
    ),
    (
        "shared_by_class",
        "All layers write their results into the same buffers.",
        {"changed_outputs": _buffer_of_all},
    ),
    (
        "shared_arena",
        "Results of all shapes lie in one growing buffer.",
        {"changed_outputs": _arena},
    ),
    (
        "shared_cache",
        "The same input gives the very array that it gave before.",
        {"changed_outputs": _cached_result},
    ),
    (
        "shared_identity",
        "The array of the last call is known again by its identity, not by what it holds.",
        {"__call__": _by_identity},
    ),
    ("shared_weights", "set_weights keeps the caller's arrays.", _keeping(0, 1)),
    ("shared_kernel", "set_weights keeps the caller's kernel.", _keeping(0)),
    ("shared_bias", "set_weights keeps the caller's bias.", _keeping(1)),
    (
        "shared_live_weights",
        "get_weights gives the arrays that the layer computes with.",
        _live_weights(0, 1),
    ),
    (
        "shared_live_bias",
        "get_weights gives the bias that the layer computes with.",
        _live_weights(1),
    ),
    (
        "shared_same_kernel",
        "set_weights does nothing where the kernel is the same object as before.",
        {"set_weights": _same_object},
    ),
    (
        "shared_gradients",
        "Gradients are buffers that the next call of the same shapes overwrites.",
        _shared_gradients(0, 1, 2),
    ),
    (
        "shared_kernel_gradient",
        "The kernel gradient is a buffer that the next call overwrites.",
        _shared_gradients(1),
    ),
    (
        "shared_convolution",
        "The result of convolution_op is a buffer that the next call overwrites.",
        {"convolution_op": _shared_convolution},
    ),
)
_DAMAGE = (
    ("damaged_output_gradient", "The output gradient is changed.", _damaging("gradients", 1)),
    ("damaged_gradient_inputs", "gradients changes its input.", _damaging("gradients", 0)),
    (
        "damaged_convolution_inputs",
        "convolution_op changes its input.",
        _damaging("convolution_op", 0),
    ),
    (
        "damaged_weights",
        "set_weights changes the arrays that it is given.",
        _damaging("set_weights", 0),
    ),
)


_REUSED = "buffers that are reused, github.com/apple/coremltools/issues/2281"
MISTAKES = (
    *mistakes_of(_REUSED, ("SIT-02",), *_SHARING),
    *mistakes_of("padding or scaling in place", ("VAL-03",), *_DAMAGE),
)
