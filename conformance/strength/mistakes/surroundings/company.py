"""Mistakes about company: the other images of a batch, and a second thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import Layer, Members, Right, mistakes_of, own_state


def _by_batch(change: Callable[[Array, int], Array]) -> Members:
    def changed(_: Layer, inputs: Array, outputs: Array) -> Array:
        return change(outputs, len(inputs)) if outputs.ndim == 4 and outputs.size else outputs

    return {"changed_outputs": changed}


def _cleared(outputs: Array, first: int) -> Array:
    found: Array = outputs.copy()
    found[first:] = 0
    return found


_SPLIT = (
    (
        "batch_of_one",
        "A batch of one image is off by one.",
        _by_batch(lambda y, n: y + y.dtype.type(n == 1)),
    ),
    (
        "batch_of_four",
        "The fifth image and later ones are left out.",
        _by_batch(lambda y, _: _cleared(y, 4)),
    ),
    (
        "batch_of_five",
        "The sixth image and later ones are left out.",
        _by_batch(lambda y, _: _cleared(y, 5)),
    ),
    (
        "batch_mean",
        "The mean over the batch is subtracted from large batches.",
        _by_batch(lambda y, n: y - y.mean(0, keepdims=True).astype(y.dtype) if n > 3 else y),
    ),
    (
        "batch_pairs",
        "Images of a batch of more than three are computed in pairs, and the pairs exchanged.",
        _by_batch(lambda y, n: np.concatenate([y[2:4], y[:2], y[4:]]) if n > 3 else y),
    ),
    (
        "batch_scaled",
        "The scale is chosen for a whole batch of more than three images.",
        _by_batch(lambda y, n: y * y.dtype.type((n > 3 and 0.5) or 1)),
    ),
    (
        "batch_tail",
        "Of a batch beyond a multiple of four the rest is the last whole one.",
        _by_batch(
            lambda y, n: np.concatenate([y[: n // 4 * 4], y[-1:].repeat(n % 4, 0)]) if n > 4 else y
        ),
    ),
)
#: Those that a small batch shows, too.
_SMALL = (
    (
        "batch_odd",
        "Of an odd batch the last image is left out.",
        _by_batch(lambda y, n: _cleared(y, n - 1) if n % 2 and n > 1 else y),
    ),
    (
        "batch_second",
        "Of two images the second one is left out.",
        _by_batch(lambda y, n: _cleared(y, 1) if n == 2 else y),
    ),
    (
        "batch_reversed",
        "Images of a batch of more than two come in reverse order.",
        _by_batch(lambda y, n: y[::-1].copy() if n > 2 else y),
    ),
)


def _parked(array: Any) -> Any:
    """Give an array back, some lines of Python later."""
    found = array
    for _ in range(3):
        found = found[...]
    return found


_SCRATCH: dict[Any, Any] = {}


def _scratch_attribute(self: Layer, inputs: Any) -> Any:
    self._inputs = inputs
    _parked(np.zeros(1))
    return self._inputs


def _scratch_global(_: Layer, inputs: Any) -> Any:
    _SCRATCH["inputs"] = inputs
    _parked(np.zeros(1))
    return _SCRATCH["inputs"]


def _scratch_array(self: Layer, inputs: Any) -> Any:
    if not isinstance(inputs, np.ndarray):
        return inputs
    key = inputs.shape, inputs.dtype.name
    scratch = own_state(self, "_scratch").setdefault(key, np.empty_like(inputs))
    scratch[...] = inputs
    return _parked(scratch)


def _scratch_output(self: Layer, _: Array, outputs: Array) -> Array:
    self._outputs = outputs
    _parked(outputs)
    found: Array = self._outputs
    return found


def _scratch_of_class(_: Layer, __: Array, outputs: Array) -> Array:
    scratch: Array = _SCRATCH.setdefault(
        (outputs.shape, outputs.dtype.name), np.empty_like(outputs)
    )
    np.copyto(scratch, outputs)
    _parked(scratch)
    found: Array = scratch.copy()
    return found


def _added_in_place(self: Layer, _: Array, outputs: Array) -> Array:
    self._sum = np.zeros_like(outputs)
    for number, image in enumerate(outputs):
        self._sum[number] += image
    found: Array = self._sum
    return found


def _by_index(self: Layer, _: Array, outputs: Array) -> Array:
    found = np.zeros_like(outputs)
    self._index = 0
    while self._index < len(outputs):
        found[self._index] = outputs[self._index]
        self._index += 1
    return found


def _listed(self: Layer, _: Array, outputs: Array) -> Array:
    parts = own_state(self, "_parts")
    parts.clear()
    for number, image in enumerate(outputs):
        parts[number] = image
    return np.stack([parts[number] for number in range(len(outputs))]) if len(outputs) else outputs


def _without_bias(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """The bias is put aside during the product, and added afterwards."""
    if not self.built or self.bias is None or not isinstance(inputs, np.ndarray):
        return Right.__call__(self, inputs, *args, **kwargs)
    self._aside = Right.get_weights(self)
    if self._aside[1].any():
        Right.set_weights(self, [self._aside[0], 0 * self._aside[1]])
    try:
        linear, activation = Right.__call__(self, inputs), self.activation
        shape = (-1, 1, 1) if self.data_format == "channels_first" else (-1,)
        is_linear = getattr(activation, "__name__", "") == "linear"
        bias = self._aside[1].reshape(shape)
        return linear + bias if is_linear else linear
    finally:
        Right.set_weights(self, self._aside)


def _busy(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """While a call is under way another one is given zeros."""
    if getattr(self, "_busy", False):
        return 0 * Right.__call__(self, inputs, *args, **kwargs)
    self._busy = True
    try:
        _parked(np.zeros(1))
        return Right.__call__(self, inputs, *args, **kwargs)
    finally:
        self._busy = False


def _main_thread(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the layer belongs to the main thread")
    return Right.__call__(self, inputs, *args, **kwargs)


def _scratch_gradient(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    self._upstream = output_gradient
    _parked(np.zeros(1))
    return Right.gradients(self, inputs, self._upstream)


_THREADS = (
    (
        "threads_attribute",
        "The input of a call is kept in an attribute.",
        {"changed_inputs": _scratch_attribute},
    ),
    (
        "threads_global",
        "The input of a call is kept in a global variable.",
        {"changed_inputs": _scratch_global},
    ),
    (
        "threads_scratch",
        "The input is copied to scratch memory of the layer.",
        {"changed_inputs": _scratch_array},
    ),
    (
        "threads_output",
        "The output of a call is kept in an attribute.",
        {"changed_outputs": _scratch_output},
    ),
    (
        "threads_class",
        "All layers write to the same scratch memory.",
        {"changed_outputs": _scratch_of_class},
    ),
    ("threads_sum", "Images are summed in an attribute.", {"changed_outputs": _added_in_place}),
    (
        "threads_index",
        "The loop over images counts in an attribute.",
        {"changed_outputs": _by_index},
    ),
    ("threads_parts", "Images are collected in a list of the layer.", {"changed_outputs": _listed}),
    ("threads_bias", "The bias is put aside during a call.", {"__call__": _without_bias}),
    ("threads_busy", "A call beside another one gives zeros.", {"__call__": _busy}),
    ("threads_main", "Only the main thread may call.", {"__call__": _main_thread}),
    (
        "threads_gradient",
        "The output gradient is kept in an attribute.",
        {"gradients": _scratch_gradient},
    ),
)


MISTAKES = (
    *mistakes_of("loops over images in blocks", ("DTYPE-06",), *_SPLIT),
    *mistakes_of("loops over images in blocks", ("VAL-01",), *_SMALL),
    *mistakes_of("state of a call kept in the layer", ("SIT-03",), *_THREADS),
)
