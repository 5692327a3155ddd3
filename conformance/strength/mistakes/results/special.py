"""Mistakes that only special numbers show: NaN, infinities, overflow, tails, corners."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Mistake,
    Right,
    inputs_changed,
    outputs_changed,
    overridden,
    recomputed,
)

_FAST_MATH = "a compiler told that there is no NaN"
_TEXTBOOK = "the textbook's formula"


def _name(layer: Layer) -> str:
    return str(getattr(layer.activation, "__name__", ""))


@contextlib.contextmanager
def _without_activation(layer: Layer) -> Iterator[None]:
    kept, layer.activation = layer.activation, lambda y: y
    try:
        yield
    finally:
        layer.activation = kept


def _linear(layer: Layer, inputs: Array) -> Array:
    with _without_activation(layer):
        return recomputed(layer, inputs)


def _activation(name: str, wrong: Callable[[Array], Array]) -> type:
    """Return a layer with another function in the place of one activation."""

    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if _name(layer) != name or outputs.dtype.kind not in "f":
            return outputs
        with np.errstate(all="ignore"):
            return np.asarray(wrong(_linear(layer, inputs)), outputs.dtype)

    return outputs_changed(change)


def _slope(name: str, wrong: Callable[[Array, Array, Array], Array]) -> type:
    """Return a layer whose gradient goes through another slope: `wrong(before, after, gradient)`."""

    def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
        if _name(self) != name:
            return Right.gradients(self, inputs, output_gradient)
        with np.errstate(all="ignore"):
            before = _linear(self, inputs)
            after = np.asarray(self.activation(before))
            changed = np.asarray(wrong(before, after, output_gradient), before.dtype)
        kept = self.activation
        try:
            self.activation = type(self)(1, 1).activation  # linear
            return Right.gradients(self, inputs, changed)
        finally:
            self.activation = kept

    return overridden(gradients=gradients)


def _exp(x: Array) -> Array:
    result: Array = np.exp(x)
    return result


def _values() -> Iterator[Mistake]:
    table: dict[str, tuple[str, str, str, Callable[[Array], Array]]] = {
        "relu_nan": ("relu", "relu(NaN) is 0.", _FAST_MATH, lambda x: np.where(x > 0, x, 0)),
        "relu6_nan": ("relu6", "relu6(NaN) is 6.", _FAST_MATH, lambda x: np.fmin(np.fmax(x, 0), 6)),
        "softplus_overflow": (
            "softplus", "softplus overflows: log(1 + e**x).", _TEXTBOOK, lambda x: np.log(1 + _exp(x))),
        "softplus_tail": (
            "softplus", "softplus loses its tail: max(x, 0) + log(1 + e**-|x|).", _TEXTBOOK,
            lambda x: np.maximum(x, 0) + np.log(1 + _exp(-np.abs(x)))),
        "softmax_overflow": (
            "softmax", "softmax overflows: nothing is taken from the exponents.", _TEXTBOOK,
            lambda x: _exp(x) / _exp(x).sum(axis=-1, keepdims=True)),
        "sigmoid_clamped": (
            "sigmoid", "sigmoid is constant beyond 18.", "a rational approximation",
            lambda x: 1 / (1 + _exp(-np.clip(x, -18, 18)))),
        "sigmoid_nan": (
            "sigmoid", "sigmoid of a large negative number is NaN: e**x / (1 + e**x) the wrong way round.",
            _TEXTBOOK,
            lambda x: np.where(x < 0, _exp(-x) / (_exp(-x) + _exp(-2 * x)), 1 / (1 + _exp(-x)))),
        "tanh_clamped": (
            "tanh", "tanh is constant beyond 3.", "a table", lambda x: np.tanh(np.clip(x, -3, 3))),
        "tanh_overflow": (
            "tanh", "tanh of large numbers is NaN.", _TEXTBOOK,
            lambda x: (_exp(x) - _exp(-x)) / (_exp(x) + _exp(-x))),
        "elu_overflow": (
            "elu", "elu of large numbers is NaN: a mask is multiplied.", "branches without branches",
            lambda x: (x > 0) * x + (x <= 0) * (_exp(x) - 1)),
        "selu_infinity": (
            "selu", "selu of minus infinity is NaN.", "branches without branches",
            lambda x: 1.0507009873554805 * ((x > 0) * x + 1.6732632423543772 * (_exp(np.minimum(x, 0)) - 1))),
        "exponential_saturates": (
            "exponential", "exponential stops at the largest number.", "saturation",
            lambda x: np.minimum(_exp(x), np.finfo(x.dtype).max)),
        "swish_tail": (
            "swish", "swish is 0 below -20.", "a table", lambda x: np.where(x < -20, 0, x / (1 + _exp(-x)))),
        "hard_sigmoid_nan": (
            "hard_sigmoid", "hard_sigmoid(NaN) is 0.", _FAST_MATH,
            lambda x: np.fmax(np.fmin(x * x.dtype.type(0.2) + x.dtype.type(0.5), 1), 0)),
        "softsign_overflow": (
            "softsign", "softsign of the largest numbers is 0: x * (1 / (1 + |x|)) with a flush.", "a reciprocal",
            lambda x: np.where(np.abs(x) > np.sqrt(np.finfo(x.dtype).max), 0, x / (1 + np.abs(x)))),
        "log_softmax_overflow": (
            "log_softmax", "log_softmax does not take the largest number away.", _TEXTBOOK,
            lambda x: x - np.log(_exp(x).sum(axis=-1, keepdims=True))),
        "log_softmax_tail": (
            "log_softmax", "log_softmax is the logarithm of softmax.", _TEXTBOOK,
            lambda x: np.log(_softmax(x))),
        "gelu_infinity": (
            "gelu", "gelu of minus infinity is 0.", "what one would expect",
            lambda x: np.where(np.isneginf(x), 0, _gelu(x))),
        "mish_overflow": (
            "mish", "mish of large numbers is NaN.", _TEXTBOOK,
            lambda x: x * (_exp(np.log(1 + _exp(x)) * 2) - 1) / (_exp(np.log(1 + _exp(x)) * 2) + 1)),
        "mish_tail": (
            "mish", "mish loses its tail: x * tanh(log(1 + e**x)).", _TEXTBOOK,
            lambda x: x * np.tanh(np.log(1 + _exp(np.minimum(x, 80))))),
        "mish_swish": ("mish", "mish is swish.", "the next entry", lambda x: x / (1 + _exp(-x))),
    }  # fmt: skip
    for name, (activation, text, source, wrong) in table.items():
        yield Mistake(
            id=f"special_{name}", text=text, source=source, clauses=("ACT-01",),
            layer=_activation(activation, wrong),
        )  # fmt: skip


def _sixth() -> Iterator[Mistake]:
    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if _name(layer) != "hard_sigmoid" or outputs.dtype.kind == "i":
            return outputs
        before = _linear(layer, inputs).astype(np.float64)
        return np.clip(before / 6 + 0.5, 0, 1).astype(outputs.dtype)

    yield Mistake(
        id="hard_sigmoid_of_sixths", text="hard_sigmoid is x / 6 + 0.5, where it should be 0.2 * x + 0.5.",
        source="keras.io/api/layers/activations (Keras 3)", clauses=("ACT-01",), layer=outputs_changed(change),
    )  # fmt: skip


def _on_integers() -> Iterator[Mistake]:
    def changed(name: str, wrong: Callable[[Array], Array]) -> type:
        def call(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if _name(self) != name or np.asarray(inputs).dtype.kind != "i":
                return Right.__call__(self, inputs, *args, **kwargs)
            with _without_activation(self):
                return wrong(Right.__call__(self, inputs, *args, **kwargs))

        return overridden(__call__=call)

    for name, activation, text, source, wrong in (
        (
            "leaky_relu", "leaky_relu", "leaky_relu of integers is cut to integers.", "the layer's dtype",
            lambda x: np.where(x < 0, 0.2 * x, x).astype(x.dtype),
        ),
        (
            "sigmoid", "sigmoid", "sigmoid of integers is computed in float32.", "leniency",
            lambda x: (1 / (1 + _exp(-x.astype(np.float32)))),
        ),
        (
            "relu6", "relu6", "relu6 of integers knows no 6.", "relu's integer code",
            lambda x: np.maximum(x, 0),
        ),
    ):  # fmt: skip
        yield Mistake(
            id=f"integers_{name}", text=text, source=source, clauses=("DTYPE-03",),
            layer=changed(activation, wrong),
        )  # fmt: skip


def _softmax(x: Array) -> Array:
    shares = _exp(x - x.max(axis=-1, keepdims=True))
    result: Array = shares / shares.sum(axis=-1, keepdims=True)
    return result


def _gelu(x: Array) -> Array:
    from scipy.special import erf

    result: Array = 0.5 * x * (1 + erf(x / np.sqrt(2)))
    return result


def _mish_slope(x: Array, _: Array, gradient: Array) -> Array:
    e = _exp(x)
    above = 4 * (x + 1) + 4 * e**2 + e**3 + e * (4 * x + 6)
    result: Array = gradient * e * above / (2 * e + e**2 + 2) ** 2
    return result


def _sums() -> Iterator[Mistake]:
    def without_nan(array: Array) -> Array:
        return np.nan_to_num(array, nan=0.0) if array.dtype.kind == "f" else array

    def kernel_nan(layer: Layer, inputs: Array, _: Array) -> Array:
        return recomputed(layer, inputs, kernel=without_nan(np.asarray(layer.kernel)))

    def bias_nan(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if layer.bias is None:
            return outputs
        return recomputed(layer, inputs, bias=without_nan(np.asarray(layer.bias)))

    def zeros_skipped(layer: Layer, inputs: Array, outputs: Array) -> Array:
        """Products with a zero of the kernel are not made."""
        if outputs.dtype.kind != "f" or np.isfinite(inputs).all():
            return outputs
        kernel = np.asarray(layer.kernel)
        is_special = ~np.isfinite(inputs)
        hits = np.where(is_special, 1, 0).astype(inputs.dtype)
        met = _linear_of(layer, hits, (kernel != 0).astype(kernel.dtype))
        clean = recomputed(layer, np.where(is_special, 0, inputs).astype(inputs.dtype))
        return np.where(met > 0, outputs, clean)

    def pixels_skipped(layer: Layer, inputs: Array, outputs: Array) -> Array:
        """Products with a zero of the input are not made."""
        kernel = np.asarray(layer.kernel)
        if outputs.dtype.kind != "f" or np.isfinite(kernel).all():
            return outputs
        is_special = ~np.isfinite(kernel)
        hits = np.where(is_special, 1, 0).astype(kernel.dtype)
        met = _linear_of(layer, (inputs != 0).astype(inputs.dtype), hits)
        clean = recomputed(
            layer, inputs, kernel=np.where(is_special, 0, kernel).astype(kernel.dtype)
        )
        return np.where(met > 0, outputs, clean)

    def finite(_: Layer, __: Array, outputs: Array) -> Array:
        if outputs.dtype.kind != "f":
            return outputs
        return np.clip(outputs, np.finfo(outputs.dtype).min, np.finfo(outputs.dtype).max)

    def half(change: Callable[[Array], Array]) -> Callable[[Layer, Array, Array], Array]:
        return lambda _, __, y: change(y) if y.dtype == np.float16 else y

    def doubled(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if outputs.dtype.kind != "f":
            return outputs
        with np.errstate(all="ignore"):
            two = inputs.dtype.type(2)
            bias = None if layer.bias is None else layer.bias * two
            return np.asarray(recomputed_linear(layer, inputs * two, bias) / two, outputs.dtype)

    def recomputed_linear(layer: Layer, inputs: Array, bias: Any) -> Array:
        return recomputed(layer, inputs, bias=bias)

    def integers(change: Callable[[Array, Array], Array]) -> Callable[[Layer, Array, Array], Array]:
        def apply(layer: Layer, inputs: Array, outputs: Array) -> Array:
            if outputs.dtype != np.int32:
                return outputs
            bias = None if layer.bias is None else layer.bias.astype(np.float64)
            wide = recomputed(
                layer, inputs.astype(np.float64), kernel=layer.kernel.astype(np.float64), bias=bias
            )
            return change(wide, outputs)

        return apply

    limits = np.iinfo(np.int32)
    table: dict[str, tuple[str, str, tuple[str, ...], type]] = {
        "kernel_nan": ("NaN in the kernel is dropped.", _FAST_MATH, ("DTYPE-05",), outputs_changed(kernel_nan)),
        "bias_nan": ("NaN in the bias is dropped.", _FAST_MATH, ("DTYPE-05",), outputs_changed(bias_nan)),
        "kernel_zeros_skipped": (
            "Zeros of the kernel are skipped: 0 * infinity is nothing.", "a sparse kernel", ("DTYPE-05",),
            outputs_changed(zeros_skipped)),
        "pixel_zeros_skipped": (
            "Zeros of the input are skipped: 0 * infinity is nothing.", "a sparse input", ("DTYPE-05",),
            outputs_changed(pixels_skipped)),
        "saturates": (
            "Results stop at the largest finite number.", "TFLite's fused clamp", ("DTYPE-05",),
            outputs_changed(finite)),
        "half_saturates": (
            "float16 results stop at 65504.", "a saturating conversion", ("DTYPE-05",),
            outputs_changed(half(lambda y: np.clip(y, -65504, 65504).astype(y.dtype)))),
        "half_flushes": (
            "Subnormal float16 results are zero.", "flush to zero", ("DTYPE-05",),
            outputs_changed(half(lambda y: np.where(np.abs(y) < 6.1e-5, 0, y).astype(y.dtype)))),
        "half_range": (
            "float16 results above 32768 are infinite.", "a scaled accumulator", ("DTYPE-05",),
            outputs_changed(half(lambda y: np.where(np.abs(y) > 32768, np.sign(y) * np.inf, y).astype(y.dtype)))),
        "range": (
            "Results near the largest number overflow: the sum is scaled by two on the way.",
            "a scaled accumulator",
            ("DTYPE-05",), outputs_changed(doubled)),
        "infinity_is_nan": (
            "An infinite result is NaN.", "a difference of infinities", ("DTYPE-05",),
            outputs_changed(lambda _, __, y: np.where(np.isinf(y), np.nan,
            y).astype(y.dtype) if y.dtype.kind == "f" else y)),
        "integers_saturate": (
            "int32 sums saturate.", "saturating arithmetic", ("DTYPE-03",),
            outputs_changed(integers(lambda wide, _: np.clip(wide, limits.min, limits.max).astype(np.int32)))),
        "integers_as_float32": (
            "int32 sums are made in float32.", "one kernel for all", ("DTYPE-03",),
            outputs_changed(integers(lambda _, y: np.clip(
                y.astype(np.float32), limits.min, 2147483520).astype(np.int32)))),
        "integers_as_float64": (
            "An int32 sum that overflows is the least integer.", "a conversion from float64", ("DTYPE-03",),
            outputs_changed(integers(lambda wide, y: np.where(np.abs(wide) > limits.max, limits.min, y)))),
    }  # fmt: skip
    for name, (text, source, clauses, layer) in table.items():
        yield Mistake(id=f"special_{name}", text=text, source=source, clauses=clauses, layer=layer)

    def no_infinity(inputs: Any) -> Any:
        floating = isinstance(inputs, np.ndarray) and inputs.dtype.kind == "f"
        return (
            np.where(np.isinf(inputs), np.nan, inputs).astype(inputs.dtype) if floating else inputs
        )

    yield Mistake(
        id="special_input_infinity", text="An infinity of the input is read as NaN.", source=_FAST_MATH,
        clauses=("DTYPE-05",), layer=inputs_changed(no_infinity),
    )  # fmt: skip


def _linear_of(layer: Layer, inputs: Array, kernel: Array) -> Array:
    kept, layer.activation = layer.activation, lambda y: y
    try:
        return recomputed(layer, inputs, kernel=kernel, bias=None)
    finally:
        layer.activation = kept


def _slopes() -> Iterator[Mistake]:
    def sigmoid(x: Array) -> Array:
        result: Array = 1 / (1 + _exp(-x))
        return result

    table: dict[str, tuple[str, str, str, Callable[[Array, Array, Array], Array]]] = {
        "relu_at_0": ("relu", "The slope of relu at 0 is 1.", "x >= 0", lambda x, _, g: np.where(x >= 0, g, 0)),
        "relu6_at_6": (
            "relu6", "The slope of relu6 at 6 is 1.", "x <= 6", lambda x, _, g: np.where((x > 0) & (x <= 6), g,
            0)),
        "relu6_beyond": (
            "relu6", "The slope of relu6 beyond 6 is 1.", "relu's", lambda x, _, g: np.where(x > 0, g, 0)),
        "elu_at_0": (
            "elu", "The slope of elu below 0 is its value.", "y for y + 1", lambda x, y, g: np.where(x < 0,
            g * -y, g)),
        "selu_at_0": (
            "selu", "The slope of selu at 0 is that of the negative side.", "x <= 0",
            lambda x, y, g: np.where(x <= 0, g * (y + 1.7580993408473768), g * 1.0507009873554805)),
        "hard_sigmoid": (
            "hard_sigmoid", "The slope of hard_sigmoid is 0.2 everywhere.", "the clip is forgotten",
            lambda _, __, g: g * 0.2),
        "softplus_overflow": (
            "softplus", "The slope of softplus is NaN for large numbers.", _TEXTBOOK,
            lambda x, _, g: g * _exp(x) / (1 + _exp(x))),
        "softplus_tail": (
            "softplus", "The slope of softplus loses its tail: 1 - 1 / (1 + e**x).", _TEXTBOOK,
            lambda x, _, g: g * (1 - 1 / (1 + _exp(x)))),
        "softmax_diagonal": (
            "softmax", "The gradient of softmax is that of its diagonal alone.", "elementwise",
            lambda _, y, g: g * y * (1 - y)),
        "softmax_mean": (
            "softmax", "The gradient of softmax takes the plain mean away.", "the weights are forgotten",
            lambda _, y, g: y * (g - g.mean(axis=-1, keepdims=True))),
        "log_softmax_mean": (
            "log_softmax", "The gradient of log_softmax takes the plain mean away.", "the shares are forgotten",
            lambda _, __, g: g - g.mean(axis=-1, keepdims=True)),
        "log_softmax_value": (
            "log_softmax", "The gradient of log_softmax takes its values for the shares.", "softmax's code",
            lambda _, y, g: g - y * g.sum(axis=-1, keepdims=True)),
        "softmax_axis": (
            "softmax", "The gradient of softmax runs over all channels and columns.", "one sum too many",
            lambda _, y, g: y * (g - (g * y).sum(axis=(2, 3), keepdims=True))),
        "tanh": ("tanh", "The slope of tanh is 1 - tanh(x).", "a missing square", lambda _, y, g: g * (1 - y)),
        "swish": ("swish", "The slope of swish is that of its sigmoid factor alone.", "the product rule",
            lambda x, _, g: g * sigmoid(x)),
        "gelu": ("gelu", "The slope of gelu is the probability alone.", "the product rule",
            lambda x, _, g: g * _gelu(x) / np.where(x == 0, 1, x) + g * np.where(x == 0, 0.5, 0)),
        "sigmoid_of_value": (
            "sigmoid", "The slope of sigmoid is taken at its value.", "before and after are exchanged",
            lambda _, y, g: g * sigmoid(y) * (1 - sigmoid(y))),
        "softsign": ("softsign", "The slope of softsign lacks the square.", "a missing square",
            lambda x, _, g: g / (1 + np.abs(x))),
        "exponential_of_value": (
            "exponential", "The slope of exponential is taken at its value.", "before and after are exchanged",
            lambda _, y, g: g * _exp(y)),
        "linear_for_tanh": ("tanh", "The gradient ignores tanh.", "a forgotten epilogue", lambda _, __, g: g),
        "mish": ("mish", "The slope of mish is that of its factor alone.", "the product rule",
            lambda x, _, g: g * np.tanh(np.logaddexp(0, x))),
        "mish_overflow": ("mish", "The slope of mish is NaN for large numbers.", _TEXTBOOK, _mish_slope),
    }  # fmt: skip
    for name, (activation, text, source, wrong) in table.items():
        yield Mistake(
            id=f"slope_{name}", text=text, source=source, clauses=("GRAD-06",), layer=_slope(activation, wrong)
        )  # fmt: skip


def _gradients() -> Iterator[Mistake]:
    def changed(change: Callable[[Any, Any, Array, Array], Any]) -> type:
        def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
            return change(
                self, Right.gradients(self, inputs, output_gradient), inputs, output_gradient
            )

        return overridden(gradients=gradients)

    def without(found: Any, *places: str) -> Any:
        kept = {
            name: np.nan_to_num(getattr(found, name), nan=0.0)
            for name in places
            if getattr(found, name) is not None
        }
        return found._replace(**kept)

    def adds_up(self: Any, found: Any, *_: Any) -> Any:
        before = self.__dict__.get("_gathered")
        self.__dict__["_gathered"] = found.kernel
        if before is None or before.shape != found.kernel.shape:
            return found
        return found._replace(kernel=found.kernel + before)

    def remembers(self: Any, found: Any, *_: Any) -> Any:
        kept = self.__dict__.setdefault("_kept_gradients", {})
        return kept.setdefault((found.inputs.shape, found.kernel.shape), found)

    def by_input(_: Any, found: Any, inputs: Any, __: Any) -> Any:
        # The input gradient is masked by the input, as after a fused relu.
        return found._replace(
            inputs=np.where(np.isnan(inputs), np.nan, found.inputs).astype(found.inputs.dtype)
        )

    table: dict[str, tuple[str, str, tuple[str, ...], type]] = {
        "nan_input": (
            "NaN in the input gradient is dropped.", _FAST_MATH, ("GRAD-07",),
            changed(lambda _, found, *__: without(found, "inputs"))),
        "nan_kernel": (
            "NaN in the kernel gradient is dropped.", _FAST_MATH, ("GRAD-07",),
            changed(lambda _, found, *__: without(found, "kernel"))),
        "nan_bias": (
            "NaN in the bias gradient is dropped.", _FAST_MATH, ("GRAD-07",),
            changed(lambda _, found, *__: without(found, "bias"))),
        "nan_masked": (
            "The input gradient is NaN where the input is.", "a mask", ("GRAD-07",), changed(by_input)),
        "saturates": (
            "Gradients stop at the largest finite number.", "clipping by value", ("GRAD-07",),
            changed(lambda _, found, *__: type(found)(*(
                None if g is None else np.clip(g, np.finfo(g.dtype).min, np.finfo(g.dtype).max) for g in found)))),
        "adds_up": (
            "The kernel gradient of the call before is added.", "gradients that are not cleared", ("GRAD-01",),
            changed(adds_up)),
        "remembers": (
            "The gradients of the first call of a shape are given again.", "a cache", ("GRAD-01",),
            changed(remembers)),
    }  # fmt: skip
    for name, (text, source, clauses, layer) in table.items():
        yield Mistake(
            id=f"special_gradient_{name}", text=text, source=source, clauses=clauses, layer=layer
        )


MISTAKES = (*_values(), *_sixth(), *_on_integers(), *_sums(), *_slopes(), *_gradients())
