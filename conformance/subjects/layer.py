"""Backends for implementations on NumPy arrays: a layer class, and a bare function."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.model import case as steps
from conformance.model.callables import resolve, resolve_arguments
from conformance.model.case import Case
from conformance.model.codec import Array, Value
from conformance.model.dtypes import SIGNIFICAND_BITS
from conformance.model.observation import Unsupported
from conformance.subjects.backend import plain
from conformance.subjects.objects import ObjectSteps, parameters
from reference_impl import Conv2DTranspose
from reference_impl.layer.configuration import KEYWORDS

#: The arguments of the page's layer, and the further ones that it takes.
_ARGUMENTS = KEYWORDS | inspect.signature(Conv2DTranspose).parameters.keys()


class LayerBackend(ObjectSteps):
    """Drives a class that has the page's constructor and takes NumPy arrays.

    Only the constructor, `build`, `__call__`, `kernel`, `bias` and `set_weights` are required; a step that
    needs anything else, and a case with an argument that the constructor does not take, is unsupported.
    """

    absences: tuple[type[Exception], ...] = (Unsupported, NotImplementedError)

    def __init__(self, layer_class: Callable[..., Any]) -> None:
        self._class = layer_class
        taken = _keywords(layer_class)
        self._lacking = frozenset() if taken is None else _ARGUMENTS - taken
        self.moment = "construct"
        self.modified: tuple[str, ...] = ()
        self._last: tuple[Any, Any] | None = None

    def construct(self, case: Case) -> None:
        self.start(case)

    def close(self) -> None:
        self._last = None

    def example(self, step: steps.Example) -> Value:
        if step.which != "before":
            raise Unsupported("the second example is of another class")
        self._class(filters=3, kernel_size=3)
        return None

    def signature(self, _: steps.Signature) -> Value:
        return parameters(self._class.__init__)

    def _made(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        lacking = sorted(self._lacking & arguments.keys())
        if lacking:
            raise Unsupported(f"the constructor takes no {', '.join(lacking)}")
        first = [resolve(value) for value in positional]
        return self._class(*first, **resolve_arguments(arguments))

    def _resolved(self, value: Value) -> Any:
        return resolve(value.copy() if isinstance(value, np.ndarray) else value)

    def _value(self, result: Any) -> Value:
        return plain(result)

    def build(self, step: steps.Build) -> None:
        self._layer.build(step.input_shape)

    def set_weights(self, step: steps.SetWeights) -> None:
        self._layer.set_weights([value.copy() for value in step.values])

    def get_weights(self, _: steps.GetWeights) -> Value:
        if hasattr(self._layer, "get_weights"):
            return plain(list(self._layer.get_weights()))
        weights = [self._attribute("kernel"), getattr(self._layer, "bias", None)]
        return plain([weight for weight in weights if weight is not None])

    def call(self, step: steps.Call) -> Value:
        inputs = step.inputs.copy()
        function = self._layer if step.via == "call" else self._method(step.via)
        weights = self._weights_now()
        _poison(inputs)
        outputs = function(inputs)
        self.modified = self._damage(inputs, step.inputs, weights)
        self._last = (inputs, outputs)
        return plain(outputs)

    def losses(self, _: steps.Losses) -> Value:
        return plain(list(self._attribute("losses")))

    def losses_for(self, step: steps.LossesFor) -> Value:
        return plain(list(self._method("get_losses_for")(self._target(step.target))))

    def updates_for(self, step: steps.UpdatesFor) -> Value:
        return plain(list(self._method("get_updates_for")(self._target(step.target))))

    def compute_output_shape(self, step: steps.ComputeOutputShape) -> Value:
        shape = self._method("compute_output_shape")(step.input_shape)
        return [None if size is None else int(size) for size in shape]

    def gradients(self, step: steps.Gradients) -> Value:
        inputs, output_gradient = step.inputs.copy(), step.output_gradient.copy()
        weights = self._weights_now()
        found = self._method("gradients")(inputs, output_gradient)
        self.modified = self._damage(inputs, step.inputs, weights)
        if not np.array_equal(_bits(output_gradient), _bits(step.output_gradient)):
            self.modified += ("output_gradient",)
        return plain(list(found))

    def loss_gradients(self, _: steps.LossGradients) -> Value:
        return plain(list(self._method("loss_gradients")()))

    def train(self, step: steps.Train) -> Value:
        if step.optimizer != "gradient_descent":
            raise Unsupported(f"has no optimizer {step.optimizer!r}")
        apply_gradients = self._method("apply_gradients")
        _, kernel, bias = self._method("gradients")(step.inputs.copy(), step.output_gradient.copy())
        apply_gradients([kernel] if bias is None else [kernel, bias], step.learning_rate)
        return self.get_weights(steps.GetWeights())

    def convolution_op(self, step: steps.ConvolutionOp) -> Value:
        function = self._method("convolution_op")
        kernel = self._layer.kernel if step.kernel is None else step.kernel.copy()
        return plain(function(step.inputs.copy(), kernel))

    def read(self, step: steps.Read) -> Value:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return plain(self._attribute(step.attribute))

    def _method(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = self._attribute(name)
        return method

    def _weights_now(self) -> list[tuple[str, Array, Array]]:
        found = [(name, getattr(self._layer, name, None)) for name in ("kernel", "bias")]
        return [(name, w, w.copy()) for name, w in found if isinstance(w, np.ndarray)]

    def _damage(
        self, inputs: Array, original: Array, weights: Sequence[tuple[str, Array, Array]]
    ) -> tuple[str, ...]:
        pairs = [("inputs", inputs, original), *weights]
        return tuple(
            name for name, now, before in pairs if not np.array_equal(_bits(now), _bits(before))
        )

    def _target(self, name: str) -> Any:
        inputs, outputs = self._last or (None, None)
        targets: dict[str, Callable[[], Any]] = {
            "inputs": lambda: inputs,
            "outputs": lambda: outputs,
            "kernel": lambda: self._layer.kernel,
            "bias": lambda: self._layer.bias,
            "nested": lambda: {"first": [inputs]},
            "empty": list,
            "none": lambda: None,
            "text": lambda: "inputs",
            "number": lambda: 3,
            "foreign": lambda: np.ones((1, 2, 3, 4), np.float32),
        }
        return targets[name]()


class FunctionBackend:
    """Drives a bare function `conv2d_transpose(inputs, kernel, strides, padding, data_format, ...)`.

    It speaks for the forward direction only. Keywords that the function does not take (`bias`,
    `dilation_rate`, `output_padding`) are unsupported where a case needs them.
    """

    absences: tuple[type[Exception], ...] = (Unsupported, NotImplementedError)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.moment = "construct"
        self.modified: tuple[str, ...] = ()
        self._weights: tuple[Array, ...] = ()
        self._keywords = _keywords(function)

    def construct(self, case: Case) -> None:
        allowed = {
            "filters", "kernel_size", "strides", "padding", "data_format", "use_bias",
            "dilation_rate", "output_padding", "dtype", "name",
        }  # fmt: skip
        strange = sorted(set(case.arguments) - allowed)
        if strange:
            raise Unsupported(f"a bare function has no {', '.join(strange)}")
        dtype = case.argument("dtype", "float32")
        if dtype not in (*SIGNIFICAND_BITS, "int32"):
            raise Unsupported(f"a bare function has no dtype {dtype!r}")
        self._arguments = resolve_arguments(case.arguments)

    def close(self) -> None:
        self._weights = ()

    def build(self, _: steps.Build) -> None:
        pass

    def set_weights(self, step: steps.SetWeights) -> None:
        self._weights = step.values

    def call(self, step: steps.Call) -> Value:
        if step.via != "call":
            raise Unsupported(f"a bare function has no {step.via!r}")
        keywords: dict[str, Any] = {}
        for name in ("dilation_rate", "output_padding"):
            if self._arguments.get(name) is not None:
                keywords[name] = self._keyword(name, self._arguments[name])
        if len(self._weights) > 1:
            keywords["bias"] = self._keyword("bias", self._weights[1].copy())
        if not self._weights:
            raise Unsupported("a bare function makes no weights of its own")
        inputs, kernel = step.inputs.copy(), self._weights[0].copy()
        _poison(inputs)
        outputs = self._function(
            inputs,
            kernel,
            self._arguments.get("strides", (1, 1)),
            self._arguments.get("padding", "valid"),
            self._arguments.get("data_format", "channels_last"),
            **keywords,
        )
        pairs = [("inputs", inputs, step.inputs), ("kernel", kernel, self._weights[0])]
        self.modified = tuple(
            name for name, now, before in pairs if not np.array_equal(_bits(now), _bits(before))
        )
        return plain(outputs)

    def _keyword(self, name: str, value: Any) -> Any:
        if self._keywords is not None and name not in self._keywords:
            raise Unsupported(f"the function takes no {name!r}")
        return value


def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names of what a function or a class takes, None where it may take any."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # what is written in C may have no signature
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return frozenset(parameters)


def _bits(array: Array) -> Array:
    """Return the array's bytes, so that NaN equals itself and -0.0 differs from 0.0."""
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def _poison(like: Array) -> None:
    """Leave freed memory full of NaN bytes about, for a layer that reads what it never wrote."""
    for factor in (1, 2, 4, 9, 16):
        block = np.empty(max(1, like.nbytes * factor), np.uint8)
        block.fill(0xFF)
        del block
