"""Mistakes where two plain things meet: short axes, alike sizes, frozen layers, layers of few arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Mistake,
    Right,
    Row,
    inherited,
    mistakes_in,
    own_state,
    recomputed,
    spatial_axes,
    with_gradient,
)
from fast_impl.layer.objects import activations

# --- one row, or as many filters as channels ---


def _one_row(is_such: Callable[[Layer], bool], tap: Callable[[int], int]) -> Members:
    """An image of one row meets one row of the kernel alone, and the rest is left out."""

    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        height = spatial_axes(layer)[0]
        if inputs.shape[height] != 1 or layer.kernel_size[0] < 2 or not is_such(layer):
            return outputs
        kernel = np.zeros_like(layer.kernel)
        row = tap(layer.kernel_size[0])
        kernel[row] = layer.kernel[row]
        return recomputed(layer, inputs, kernel=kernel)

    return {"changed_outputs": change}


def _same(layer: Layer) -> bool:
    return bool(layer.padding == "same" and layer.output_padding is None)


def _plain_same(layer: Layer) -> bool:
    return _same(layer) and layer.strides == layer.dilation_rate == (1, 1)


def _turned(is_such: Callable[[Layer], bool]) -> Members:
    """Where there are as many filters as channels, the kernel's gradient has them the other way round."""

    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        found: Any = Right.gradients(self, inputs, output_gradient)
        if found.kernel.shape[2] != found.kernel.shape[3] or not is_such(self):
            return found
        return with_gradient(found, 1, np.ascontiguousarray(found.kernel.swapaxes(2, 3)))

    return {"gradients": gradients}


_SHORT: tuple[Row, ...] = (
    ("VAL-01", "row_middle", "Of an even kernel a single row of pixels meets the row after the middle (`same`).",
     _one_row(lambda layer: _plain_same(layer) and layer.kernel_size[0] > 3, lambda rows: rows // 2)),
    ("VAL-01", "row_strided", "A single row of pixels meets the first row of the kernel alone (`same`, strides).",
     _one_row(lambda layer: _same(layer) and layer.strides[0] == 3, lambda _: 0)),
    ("GRAD-01", "turned_dilated", "Filters as many as channels, a dilation: the kernel's gradient is turned.",
     _turned(lambda layer: max(layer.dilation_rate) > 1)),
    ("GRAD-01", "turned_strided", "Filters as many as channels, two strides: the kernel's gradient is turned.",
     _turned(lambda layer: layer.strides[0] > 1 and layer.strides[0] != layer.strides[1])),
    ("GRAD-01", "turned_told", "Filters as many as channels, an output padding: the kernel's gradient is turned.",
     _turned(lambda layer: layer.output_padding is not None)),
)  # fmt: skip

# --- what comes back, and what is left of what was given ---


def _zero_upstream(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found: Any = Right.gradients(self, inputs, output_gradient)
    if np.any(output_gradient):
        return found
    return with_gradient(found, 0, np.zeros_like(found.inputs))


def _damages_upstream(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found: Any = Right.gradients(self, inputs, output_gradient)
    is_bent = self.activation is not activations.NAMED["linear"]
    if is_bent and isinstance(output_gradient, np.ndarray) and output_gradient.flags.writeable:
        output_gradient *= output_gradient.dtype.type(0.5)
    return found


def _without_images(_: Layer, inputs: Array, outputs: Array) -> Array:
    return outputs if len(inputs) else outputs.astype(np.float64)


def _padded_to_multiples(self: Layer, inputs: Any, kernel: Any) -> Array:
    array = np.asarray(inputs)
    if self.padding == "same" and array.ndim == 4:
        missing = [(0, 0)] * 4
        for axis, stride in zip(spatial_axes(self), self.strides):
            missing[axis] = (0, -array.shape[axis] % stride)
        array = np.pad(array, missing)
    return Right.convolution_op(self, array, kernel)


def _whole_strides(self: Layer, inputs: Any, kernel: Any) -> Array:
    found = Right.convolution_op(self, inputs, kernel)
    if self.padding != "same" or found.ndim != 4:
        return found
    cut = [slice(None)] * 4
    for axis, stride in zip(spatial_axes(self), self.strides):
        cut[axis] = slice(max(np.shape(inputs)[axis] // stride, 1))
    return found[tuple(cut)]


_ARRAYS: tuple[Row, ...] = (
    ("GRAD-07", "no_upstream", "An output gradient of zeros gives zeros, whatever the kernel holds.",
     {"gradients": _zero_upstream}),
    ("VAL-03", "halved_upstream", "The gradient through an activation is computed in the caller's array.",
     {"gradients": _damages_upstream}),
    ("SHAPE-11", "no_images", "A batch without images gives float64.", {"changed_outputs": _without_images}),
    ("METH-04", "multiples", "`convolution_op` pads to a multiple of the stride before it pads as `same` says.",
     {"convolution_op": _padded_to_multiples}),
    ("METH-04", "whole_strides", "`convolution_op` with `same` leaves out what is less than a stride.",
     {"convolution_op": _whole_strides}),
)  # fmt: skip

# --- frozen, refused, not used yet ---


def _steps_all_the_same(self: Layer, gradients: Any, learning_rate: Any) -> None:
    if self.kernel_constraint is not None:
        Right.apply_gradients(self, gradients, learning_rate)
        return
    before, self.trainable = self.trainable, True
    try:
        Right.apply_gradients(self, gradients, learning_rate)
    finally:
        self.trainable = before


def _counts_trained(self: Layer) -> int:
    return int(Right.count_params(self)) if self.trainable else 0


def _frozen_lent(self: Layer) -> list[Array]:
    found: list[Array] = Right.get_weights(self)
    if not self.trainable:
        self._weights.replace(dict(zip(self._weights.variables, found)))
    return found


def _loses_bias(self: Layer, weights: Any) -> None:
    try:
        Right.set_weights(self, weights)
    except ValueError:
        if self.bias is not None:
            self.bias = np.zeros_like(self.bias)
        raise


def _losses_known(self: Layer, inputs: Any) -> list[Any]:
    if inputs is not None:
        return list(Right.get_losses_for(self, inputs))
    known = own_state(self, "losses")
    return list(known.setdefault("none", Right.get_losses_for(self, None)))


def _bias_first(self: Layer, name: str, *of: Any) -> Any:
    made = own_state(self, "made")
    if name == "bias":
        return made.pop("bias")
    if self.use_bias:
        made["bias"] = Right._weight(
            self, "bias", (self.filters,), self.bias_initializer, self.bias_regularizer, self.bias_constraint
        )  # fmt: skip
    return Right._weight(self, name, *of)


def _configured(**told: Any) -> Members:
    """A layer that is not built tells something else."""

    def get_config(self: Layer) -> dict[str, Any]:
        found: dict[str, Any] = Right.get_config(self)
        return found if self.built else {**found, **told}

    return {"get_config": get_config}


def _last_of_path(self: Layer) -> str:
    name = str(inherited(self, "scope_name"))
    return name.rpartition("/")[2] if name.count("/") > 1 else name


_ANSWERS: tuple[Row, ...] = (
    ("CONS-08", "frozen_steps", "A layer that is frozen later is trained, unless it has a constraint.",
     {"apply_gradients": _steps_all_the_same}),
    ("VAR-14", "frozen_counted", "`count_params` does not count the weights of a layer that was frozen.",
     {"count_params": _counts_trained}),
    ("SIT-02", "frozen_lent", "A frozen layer gives its own arrays as its weights.",
     {"get_weights": _frozen_lent}),
    ("METH-07", "bias_lost", "Weights that are refused leave a bias of zeros.", {"set_weights": _loses_bias}),
    ("LOSS-07", "losses_known", "`get_losses_for(None)` gives the losses that it gave first.",
     {"get_losses_for": _losses_known}),
    ("VAR-01", "bias_first", "The bias' values are asked for before the kernel's.", {"_weight": _bias_first}),
    ("METH-06", "dtype_unused", "A layer without weights tells no dtype, though it was told one.",
     _configured(dtype=None)),
    ("METH-06", "frozen_unused", "A layer without weights tells that it is trainable.",
     _configured(trainable=True)),
    ("ATTR-02", "path", "The scope's name is the last part of a name with two slashes.",
     {"scope_name": property(_last_of_path)}),
)  # fmt: skip

# --- layers of few arguments ---


class _Few:
    """A right layer that takes no initializer, and little else."""

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid",
        data_format: Any = "channels_last",
    ) -> None:  # fmt: skip
        self._layer = Right(filters, kernel_size, strides, padding, data_format)

    def build(self, input_shape: Any) -> None:
        self._layer.build(input_shape)

    def __call__(self, inputs: Any) -> Any:
        return self._layer(inputs)

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights(weights)

    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        return self._layer.gradients(inputs, output_gradient)

    def apply_gradients(self, gradients: Any, learning_rate: Any) -> None:
        self._layer.apply_gradients(gradients, learning_rate)

    @property
    def kernel(self) -> Any:
        return self._layer.kernel

    @property
    def bias(self) -> Any:
        return self._layer.bias


def _in_capitals(self: Any, *given: Any, **named: Any) -> None:
    is_valid = {**dict(zip(("", "", "", "padding"), given)), **named}.get("padding") != "same"
    _Few.__init__(self, *given, **{**named, **({"padding": "valid"} if is_valid else {})})


def _broadcast(self: Any, weights: Any) -> None:
    kernel, *others = weights
    bias = [np.broadcast_to(one, self.bias.shape) for one in others if np.size(one) == 1]
    _Few.set_weights(self, [kernel, *(bias or others)])


def _half_set(self: Any, weights: Any) -> None:
    if len(weights) == 2 and np.shape(weights[0]) == self.kernel.shape:
        _Few.set_weights(self, [weights[0], self.bias])
    _Few.set_weights(self, weights)


def _first_rate(self: Any, gradients: Any, learning_rate: Any) -> None:
    known = self.__dict__.setdefault("rate", learning_rate)
    _Few.apply_gradients(self, gradients, known)


_OF_FEW: tuple[Row, ...] = (
    ("ARG-05", "few_capitals", "A layer without initializers takes `SAME` for `valid`.",
     {"__init__": functools.wraps(_Few.__init__)(_in_capitals)}),
    ("METH-07", "few_broadcast", "A layer without initializers broadcasts a bias of one number.",
     {"set_weights": _broadcast}),
    ("METH-07", "few_half_set", "A layer without initializers keeps a kernel whose bias it refuses.",
     {"set_weights": _half_set}),
    ("LIFE-02", "few_rate", "A layer without initializers steps with the rate of its first step.",
     {"apply_gradients": _first_rate}),
)  # fmt: skip


def _mistakes() -> Iterator[Mistake]:
    yield from mistakes_in(
        "an everyday slip where two plain things meet", "crossing", _SHORT, _ARRAYS, _ANSWERS
    )
    for clause, name, text, members in _OF_FEW:
        yield Mistake(
            id=f"crossing_{name}", text=text, source="a layer that was written by hand", clauses=(clause,),
            layer=type("Wrong", (_Few,), {**members}),
        )  # fmt: skip


MISTAKES = tuple(_mistakes())
