"""Mistakes in rare uses: an option that is 0, a function that raises, an empty batch, a list that is emptied.

They were written from the page alone, by somebody who had not seen the cases, and got through them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    Row,
    channel_axis,
    inherited,
    mistakes_in,
    own_state,
    recomputed,
)

# --- what is 0 ---


def _option(argument: str, name: str, option: str, instead: Any) -> Members:
    """The option of a configuration, where it is 0, is another one."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        form = given.get(argument)
        if not isinstance(form, dict) or form.get("class_name") != name:
            return given
        config = dict(form["config"])
        if config.get(option) == 0:
            config[option] = instead
        return {**given, argument: {**form, "config": config}}

    return {"changed_arguments": changed}


def _axes(change: Callable[[Any], Any]) -> Members:
    """The axes of a norm are others."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        form = given.get("kernel_constraint")
        if not isinstance(form, dict) or "axis" not in form.get("config", {}):
            return given
        config = {**form["config"], "axis": change(form["config"]["axis"])}
        return {**given, "kernel_constraint": {**form, "config": config}}

    return {"changed_arguments": changed}


_ZEROS: tuple[Row, ...] = (
    ("INIT-05", "deviation_zero", "RandomNormal without a deviation has 0.05.",
     _option("kernel_initializer", "RandomNormal", "stddev", 0.05)),
    ("INIT-05", "width_zero", "RandomUniform up to 0 goes up to 0.05.",
     _option("kernel_initializer", "RandomUniform", "maxval", 0.05)),
    ("INIT-09", "seed_zero", "The seed 0 is none.",
     _option("kernel_initializer", "GlorotUniform", "seed", None)),
    ("CONS-07", "rate_zero", "A norm that is approached at the rate 0 is approached at once.",
     _option("kernel_constraint", "MinMaxNorm", "rate", 1.0)),
    ("CONS-07", "norm_from_the_end", "An axis of a norm that is counted from the end is the first one.",
     _axes(lambda axis: 0 if isinstance(axis, int) and axis < 0 else axis)),
    ("CONS-07", "norm_of_all", "A norm over all axes is that of each filter.",
     _axes(lambda axis: [0, 1, 3] if isinstance(axis, (list, tuple)) and len(axis) == 4 else axis)),
)  # fmt: skip

# --- what raises ---


def _of_the_user(place: int, change: Callable[[Layer, str, Any], Any]) -> Members:
    """The user's initializer (0), regularizer (1) or constraint (2) of a weight is changed."""

    def weight(self: Layer, name: str, shape: Any, *functions: Any) -> Any:
        found = list(functions)
        if found[place] is not None and not type(found[place]).__module__.startswith("fast_impl"):
            found[place] = change(self, name, found[place])
        return Right._weight(self, name, shape, *found)

    return {"_weight": weight}


def _around(place: int, otherwise: Callable[..., Any]) -> Members:
    """An error of such a function is swallowed."""

    def guarded(_: Layer, __: str, real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return real(*args, **kwargs)
            except ArithmeticError:
                return otherwise(*args)

        return call

    return _of_the_user(place, guarded)


_ERRORS: tuple[Row, ...] = (
    ("INIT-05", "initializer_error", "Where an initializer raises, there are zeros.",
     _around(0, lambda shape, *_: np.zeros(shape))),
    ("LOSS-09", "regularizer_error", "Where a regularizer raises, its loss is left out.",
     _around(1, lambda *_: None)),
    ("CONS-05", "constraint_error", "Where a constraint raises, the weight is not projected.",
     _around(2, lambda weight: weight)),
)  # fmt: skip


# --- mixed policies, lists, calls for inference ---


def _is_mixed(layer: Layer) -> bool:
    policy = layer._policy
    return policy.compute is not None and policy.compute != policy.variable


def _half_losses(self: Layer) -> list[Any]:
    found: list[Any] = inherited(self, "losses")
    return [np.float32(np.float16(loss)) for loss in found] if _is_mixed(self) else found


def _half_weights(self: Layer, weights: Any) -> None:
    mixed = _is_mixed(self)
    Right.set_weights(self, [w.astype("f2").astype("f4") for w in weights] if mixed else weights)


def _own_list(name: str) -> Members:
    """What an attribute gives is a list of the layer's own."""

    def own(self: Layer) -> list[Any]:
        now = inherited(self, name)
        kept = own_state(self, name)
        key = [id(self._record), *map(id, self._weights.arrays.values()), self.trainable]
        if kept.get("key") != key:
            kept.update(key=key, found=now)
        found: list[Any] = kept["found"]
        return found

    return {name: property(own)}


def _without_training(self: Layer, *args: Any, **kwargs: Any) -> Any:
    outputs = Right.__call__(self, *args, **kwargs)
    if kwargs.get("training") is False:
        self._record = type(self._record)()
    return outputs


_ASKED: tuple[Row, ...] = (
    ("ARG-16", "mixed_losses", "Weight losses of a mixed policy are rounded to float16.",
     {"losses": property(_half_losses)}),
    ("ARG-16", "mixed_weights", "Weights that are set under a mixed policy are rounded to float16.",
     {"set_weights": _half_weights}),
    ("VAR-01", "weights_list", "`weights` is the layer's own list.", _own_list("weights")),
    ("METH-01", "inference_loss", "A call with training=False has no activity loss.",
     {"__call__": _without_training}),
)  # fmt: skip

# --- what is empty ---


def _keeps_the_loss(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    before = self._record
    outputs = Right.__call__(self, inputs, *args, **kwargs)
    if len(inputs) == 0 and before.losses:
        self._record = before
    return outputs


_EMPTY: tuple[Row, ...] = (
    ("LOSS-03", "empty_loss", "A batch without images keeps the activity loss of the call before.",
     {"__call__": _keeps_the_loss}),
)  # fmt: skip

# --- arguments and forms ---


def _forgets_weights(self: Layer, memo: Any) -> Any:
    made: Layer = object.__new__(type(self))
    memo[id(self)] = made
    made.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
    made._initial_weights = None
    return made


def _capitals(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
    own_state(self, "given").update(padding=given.get("padding", "valid"))
    return given


def _valid_in_capitals(layer: Layer, inputs: Any, outputs: Any) -> Any:
    given = own_state(layer, "given")["padding"]
    is_lost = given == "SAME" and max(layer.dilation_rate) > 1
    return recomputed(layer, inputs, padding="valid") if is_lost else outputs


def _exchanged(self: Layer, *positional: Any, **arguments: Any) -> None:
    given = list(positional)
    if len(given) > 11:
        given[10], given[11] = given[11], given[10]
    Right.__init__(self, *given, **arguments)


_exchanged.__wrapped__ = Right.__init__  # type: ignore[attr-defined]


def _by_keyword(_: Layer, __: str, make: Any) -> Any:
    return lambda shape, dtype: make(shape=shape, dtype=dtype)


def _asked_once(self: Layer, name: str, make: Any) -> Any:
    known = own_state(self, "values")

    def kept(shape: Any, dtype: Any) -> Any:
        if (name, shape) not in known:
            known[name, shape] = make(shape, dtype=dtype)
        return known[name, shape]

    return kept


def _built_again(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    dtype = getattr(inputs, "dtype", None)
    known = own_state(self, "dtype")
    is_open = self.built and known.setdefault("is open", True)
    if is_open and dtype == np.float64 and self._policy.variable != dtype:
        self._policy.freeze(dtype)
        self._weights = type(self._weights)()
        self.build(inputs.shape)
    known["is open"] = False
    return Right.__call__(self, inputs, *args, **kwargs)


def _short(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
    own_state(self, "given").update(filters=given.get("filters"))
    return given


def _counts_short(self: Layer) -> int:
    count, filters = Right.count_params(self), own_state(self, "given")["filters"]
    return count % 256 if isinstance(filters, np.uint8) else count


def _known_channels(self: Layer, shape: Any) -> Any:
    is_known = self.built and shape is not None and len(shape) == 4
    if is_known and shape[channel_axis(self)] not in (None, self.kernel.shape[3]):
        raise ValueError("the channels do not fit")
    return Right.compute_output_shape(self, shape)


def _own_kernel(self: Layer, inputs: Any, kernel: Any) -> Any:
    if self.built and np.shape(kernel) == self.kernel.shape:
        kernel = self.kernel.astype(kernel.dtype)
    return Right.convolution_op(self, inputs, kernel)


def _own_dtype(self: Layer, inputs: Any, kernel: Any) -> Any:
    found = Right.convolution_op(self, inputs, kernel)
    return found.astype(self.kernel.dtype) if self.built else found


def _first_values(change: Callable[[Layer, Any, Any], Any]) -> Members:
    """The kernel has other first values: `change(layer, initializer, values)`."""

    def weight(self: Layer, name: str, shape: Any, make: Any, *others: Any) -> Any:
        variable = Right._weight(self, name, shape, make, *others)
        if name == "kernel":
            variable.array = variable.fitting(change(self, make, variable.array), name)
        return variable

    return {"_weight": weight}


def _in_columns(_: Layer, make: Any, values: Any) -> Any:
    is_several = type(make).__name__ == "Constant" and np.size(make.value) > 1
    return values.reshape(-1).reshape(values.shape, order="F") if is_several else values


def _fans_by_layout(self: Layer, make: Any, values: Any) -> Any:
    if getattr(make, "mode", "") != "fan_in" or self.data_format != "channels_first":
        return values
    return values * np.float32(math.sqrt(values.shape[2] / values.shape[3]))


_ARGUMENTS: tuple[Row, ...] = (
    ("METH-09", "copy_forgets", "A deep copy forgets `weights=`.", {"__deepcopy__": _forgets_weights}),
    ("ARG-05", "capitals_dilated", "Padding in capitals is 'valid' where the layer is dilated.",
     {"changed_arguments": _capitals, "changed_outputs": _valid_in_capitals}),
    ("ARG-01", "penalties_exchanged", "By position the activity regularizer comes before that of the bias.",
     {"__init__": _exchanged}),
    ("INIT-05", "shape_by_keyword", "An initializer is given its shape by the keyword `shape`.",
     _of_the_user(0, _by_keyword)),
    ("VAR-15", "values_kept", "A second build takes the values that the first one was given.",
     _of_the_user(0, _asked_once)),
    ("DTYPE-01", "built_dtype", "After a build the first input decides the dtype.", {"__call__": _built_again}),
    ("VAR-14", "short_filters", "Filters given in 8 bits make counts of 8 bits.",
     {"changed_arguments": _short, "count_params": _counts_short}),
    ("SHAPE-09", "known_channels", "compute_output_shape of a built layer refuses other channels.",
     {"compute_output_shape": _known_channels}),
    ("METH-04", "convolution_own_kernel", "convolution_op takes the layer's kernel for any of its shape.",
     {"convolution_op": _own_kernel}),
    ("METH-04", "convolution_own_dtype", "convolution_op gives the layer's dtype.",
     {"convolution_op": _own_dtype}),
    ("INIT-05", "constant_in_columns", "Values of a Constant are laid out in columns.",
     _first_values(_in_columns)),
    ("INIT-02", "fans_by_layout", "In channels_first fan_in counts the input channels.",
     _first_values(_fans_by_layout)),
)  # fmt: skip


MISTAKES = tuple(
    mistakes_in("a use that few have tried", "rare", _ZEROS, _ERRORS, _ASKED, _EMPTY, _ARGUMENTS)
)
