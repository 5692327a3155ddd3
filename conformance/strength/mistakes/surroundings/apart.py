"""Mistakes of one layer of several: what is planned for another one, or lost on the way to a copy of itself."""

from __future__ import annotations

import copy
import weakref
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
    spatial_axes,
    sums,
)
from fast_impl.layer.objects import activations

# --- plans and packed kernels of all layers ---

_OPTIONS = ("strides", "padding", "data_format", "dilation_rate", "output_padding")


def _planned_without(name: str) -> Members:
    """Plans of all layers are known by everything but one option."""
    plans: dict[Any, Any] = {}

    def changed(self: Layer, inputs: Any, outputs: Any) -> Any:
        rest = (getattr(self, option) for option in _OPTIONS if option != name)
        key = (inputs.shape, self.kernel.shape, inputs.dtype.name, *rest)
        planned = plans.setdefault(key, getattr(self, name))
        if planned == getattr(self, name):
            return outputs
        return np.resize(recomputed(self, inputs, **{name: planned}), outputs.shape)

    return {"changed_outputs": changed}


_BY_NAME: dict[Any, Any] = {}


def _padded_by_name(self: Layer, inputs: Any, outputs: Any) -> Any:
    key = self.name, inputs.shape, self.kernel.shape, self.kernel.dtype.name
    first = _BY_NAME[key]() if key in _BY_NAME else None
    if first is None:
        _BY_NAME[key] = weakref.ref(self)
    if first is None or first.padding == self.padding:
        return outputs
    return np.resize(recomputed(self, inputs, padding=first.padding), outputs.shape)


_PLANS: tuple[Row, ...] = (
    *(("LIFE-01", f"plan_without_{name}", f"Plans of all layers are known without {name}.",
       _planned_without(name))
      for name in ("padding", "data_format", "dilation_rate", "output_padding")),
    ("LIFE-01", "padded_by_name", "Layers of one name have the padding of the first one.",
     {"changed_outputs": _padded_by_name}),
)  # fmt: skip

# --- configurations and copies ---


def _configured(change: Callable[[Layer, dict[str, Any]], Any]) -> Members:
    def get_config(self: Layer) -> dict[str, Any]:
        config = Right.get_config(self)
        change(self, config)
        return config

    return {"get_config": get_config}


def _lost(key: str, when: Callable[[Layer], bool]) -> Members:
    return _configured(lambda layer, config: when(layer) and config.update({key: None}))


def _zeros_are_none(layer: Layer, config: dict[str, Any]) -> None:
    if layer.built and layer.bias is not None:
        config["use_bias"] = bool(layer.bias.any())


def _single_policy(_: Layer, config: dict[str, Any]) -> None:
    if isinstance(config["dtype"], dict):
        config["dtype"] = "float32"


def _copied(change: Callable[[Layer], Any]) -> Members:
    def deepcopy(self: Layer, memo: Any) -> Any:
        made: Layer = object.__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
        change(made)
        return made

    return {"__deepcopy__": deepcopy}


def _pickled(**lost: Any) -> Members:
    def state(self: Layer) -> dict[str, Any]:
        return {**self.__dict__, **lost}

    return {"__getstate__": state, **_copied(lambda _: None)}


def _unprojected(made: Layer) -> None:
    for variable in made._weights.variables:
        variable.constraint = None


def _linear_if_unbuilt(made: Layer) -> None:
    if not made.built:
        made.activation = activations.get(None)


_COPIES: tuple[Row, ...] = (
    ("METH-06", "frozen_penalty", "The configuration of a frozen layer has no penalty of the bias.",
     _lost("bias_regularizer", lambda layer: layer.trainable is False)),
    ("METH-06", "activity_lost", "The configuration has no activity regularizer.",
     _lost("activity_regularizer", lambda _: True)),
    ("METH-06", "constraint_lost", "The configuration has no constraint of the bias beside one of the kernel.",
     _lost("bias_constraint", lambda layer: layer.kernel_constraint is not None)),
    ("METH-06", "zeros_lost", "A bias of zeros is none in the configuration.", _configured(_zeros_are_none)),
    ("METH-06", "policy_lost", "The configuration of a mixed policy is float32.", _configured(_single_policy)),
    ("METH-09", "copy_unprojected", "A copy has no constraints.", _copied(_unprojected)),
    ("METH-09", "copy_linear", "A copy of a layer that is not built is linear.", _copied(_linear_if_unbuilt)),
    ("METH-09", "copy_renamed", "A copy has another name.",
     _copied(lambda made: setattr(made, "_name", f"{made._name}_copy"))),
    ("METH-09", "pickle_trainable", "A layer that was pickled is trainable.", _pickled(trainable=True)),
    ("METH-09", "pickle_padding", "A layer that was pickled has no output padding.",
     _pickled(output_padding=None)),
)  # fmt: skip

# --- steps, refusals, losses ---


def _bias_first(self: Layer, gradients: Any, learning_rate: Any) -> None:
    if self.trainable is False and self._bias is not None:
        self.bias = self.bias - np.asarray(gradients[1]) * self.bias.dtype.type(learning_rate)
    Right.apply_gradients(self, gradients, learning_rate)


def _with_penalty(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    penalty = getattr(self.bias_regularizer, "gradient", None)
    if penalty is None or found.bias is None:
        return found
    return found._replace(bias=found.bias + penalty(self.bias).astype(found.bias.dtype))


def _counts(self: Layer, gradients: Any, learning_rate: Any) -> None:
    Right.apply_gradients(self, gradients, learning_rate)
    own_state(self, "steps")["count"] = own_state(self, "steps").get("count", 0) + 1


def _without_bias(self: Layer, inputs: Any, outputs: Any) -> Any:
    trained = own_state(self, "steps").get("count", 0)
    return outputs if trained < 2 else recomputed(self, inputs, bias=None)


def _busy(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    if own_state(self, "busy").get("now"):
        raise RuntimeError("gradients are under way")
    own_state(self, "busy")["now"] = True
    found = Right.gradients(self, inputs, output_gradient)
    own_state(self, "busy")["now"] = False
    return found


def _by_kernel(self: Layer) -> list[Any]:
    kept, kernel = own_state(self, "losses"), self._kernel and self._kernel.array
    if kernel is None or kept.get("kernel") is not kernel:
        kept.update(kernel=kernel, found=Right._weight_losses(self))
    return list(kept["found"])


def _flushed(self: Layer, weights: Any) -> None:
    def flush(weight: Any) -> Any:
        is_tiny = weight.dtype.kind == "f" and np.abs(weight) < 2.0**-126
        return np.where(is_tiny, 0, weight).astype(weight.dtype)

    is_given = isinstance(weights, (list, tuple)) and all(hasattr(w, "dtype") for w in weights)
    single = self.built and self.kernel.dtype == np.float32
    Right.set_weights(self, [*map(flush, weights)] if is_given and single else weights)


_STEPS: tuple[Row, ...] = (
    ("LIFE-04", "bias_first", "A frozen layer updates its bias, and then refuses the step.",
     {"apply_gradients": _bias_first}),
    ("GRAD-01", "bias_penalty", "The bias gradient has that of its penalty in it.", {"gradients": _with_penalty}),
    ("CONS-01", "two_steps", "After two steps of training the bias is left out.",
     {"apply_gradients": _counts, "changed_outputs": _without_bias}),
    ("LIFE-04", "busy", "After gradients that were refused there are none.", {"gradients": _busy}),
    ("LIFE-03", "losses_by_kernel", "Losses are computed anew where the kernel is another one.",
     {"_weight_losses": _by_kernel}),
    ("VAR-02", "small_letters", "The name is in small letters.",
     {"name": property(lambda layer: str(inherited(layer, "name")).lower())}),
    ("METH-07", "flushed", "Subnormal weights that are set are zeros.", {"set_weights": _flushed}),
)  # fmt: skip

# --- sizes ---


def _along_channels(self: Layer, inputs: Any, outputs: Any) -> Any:
    is_asked = (
        getattr(self.activation, "__name__", "") == "softmax"
        and self.data_format == "channels_first"
        and outputs.shape[1] == outputs.shape[3]
    )
    if not is_asked:
        return outputs
    last = np.ascontiguousarray(np.moveaxis(sums(self, inputs), 1, 3))
    turned: Any = np.asarray(self.activation(last))
    return np.moveaxis(turned, 3, 1).copy()


def _last_column(self: Layer, inputs: Any, outputs: Any) -> Any:
    axis = spatial_axes(self)[1]
    width = inputs.shape[axis]
    is_tail = inputs.dtype == np.float64 and self.strides[1] == 2 and width > 8 and width % 8 == 7
    if not is_tail or not outputs.size:
        return outputs
    outputs = np.array(outputs)
    np.moveaxis(outputs, axis, 0)[-1] = 0
    return outputs


def _in_chunks(self: Layer, inputs: Any, outputs: Any) -> Any:
    whole = outputs.size // 4096 * 4096
    if outputs.dtype != np.float64 or not whole or channel_axis(self) != 1:
        return outputs
    flat = np.array(outputs).reshape(-1)
    flat[whole:] = sums(self, inputs).reshape(-1)[whole:]
    return flat.reshape(outputs.shape)


_SIZES: tuple[Row, ...] = (
    ("ACT-01", "softmax_square", "In channels_first softmax is along the channels where the width is alike.",
     {"changed_outputs": _along_channels}),
    ("VAL-01", "double_column", "float64, stride 2: of widths of 7 beyond eights the last column is lost.",
     {"changed_outputs": _last_column}),
    ("ACT-01", "double_chunk", "float64 in channels_first: what is beyond chunks of 4096 is not activated.",
     {"changed_outputs": _in_chunks}),
)  # fmt: skip


MISTAKES = tuple(mistakes_in("one of several layers", "apart", _PLANS, _COPIES, _STEPS, _SIZES))
