"""Layers that compute something else than the page says, each in one way."""

from typing import Any

import numpy as np

import fast_impl


def convolved(layer: Any, inputs: Any, **changed: Any) -> Any:
    """The layer's output before its activation, with some arguments changed."""
    arguments = {
        "strides": layer.strides,
        "padding": layer.padding,
        "data_format": layer.data_format,
        "bias": layer.bias,
        "dilation_rate": layer.dilation_rate,
        "output_padding": layer.output_padding,
    }
    return fast_impl.conv2d_transpose(inputs, layer.kernel, **{**arguments, **changed})


class Unmodified(fast_impl.Conv2DTranspose):
    """Nothing is wrong with this one."""


class ExchangesStrides(fast_impl.Conv2DTranspose):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.strides = self.strides[::-1]


class OddPixelAtTheTop(fast_impl.Conv2DTranspose):
    """SAME crops an odd number of rows: this one takes the odd row from the top, not the bottom."""

    def __call__(self, inputs: Any) -> Any:
        right = super().__call__(inputs)
        plain = self.dilation_rate == (1, 1) and self.output_padding is None
        if self.padding != "same" or not plain:
            return right
        full = convolved(self, inputs, padding="valid")
        first = 2 if self.data_format == "channels_first" else 1
        for axis, kernel, stride in zip((first, first + 1), self.kernel_size, self.strides):
            begin = (max(kernel - stride, 0) + 1) // 2
            rows = np.arange(begin, begin + right.shape[axis])
            full = np.take(full, rows, axis=axis)
        return self.activation(full)


class ForgetsBias(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        super().__call__(inputs)
        return self.activation(convolved(self, inputs, bias=None))


class UndividedActivityPenalty(fast_impl.Conv2DTranspose):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        penalty = self.activity_regularizer
        if penalty:
            self.activity_regularizer = lambda outputs: penalty(outputs) * len(outputs)


class ProjectsBeforeTheStep(fast_impl.Conv2DTranspose):
    def apply_gradients(self, gradients: Any, learning_rate: float) -> None:
        stepped = []
        constraints = (self.kernel_constraint, self.bias_constraint)
        for weight, gradient, constraint in zip(self.get_weights(), gradients, constraints):
            projected = weight if constraint is None else constraint(weight)
            stepped.append(np.asarray(projected - learning_rate * gradient, weight.dtype))
        self.set_weights(stepped)


class ChangesItsInputs(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        outputs = super().__call__(inputs)
        inputs[...] = 0
        return outputs


class RemembersTheLastCall(fast_impl.Conv2DTranspose):
    calls = 0

    def __call__(self, inputs: Any) -> Any:
        self.calls += 1
        return super().__call__(inputs) * self.calls


class ReturnsText(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        return "an image"


class ReturnsNone(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        super().__call__(inputs)


class ReturnsList(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        return super().__call__(inputs).tolist()


class ReturnsFloat64(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        return super().__call__(inputs).astype(np.float64)


class AddsARow(fast_impl.Conv2DTranspose):
    """Tells of an output that is one row too high: few cases show it, and each costs next to nothing."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, rows, *others = super().compute_output_shape(input_shape)
        return (batch, rows and rows + 1, *others)
