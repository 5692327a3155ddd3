"""Steps about gradients and training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from conformance.model.observation import Unsupported
from conformance.model.steps.backend import Backend
from conformance.model.steps.step import Step
from conformance.model.steps.words import Words
from conformance.model.values.codec import Array, Value
from conformance.model.values.limits import items

#: How gradients are called where they come by name.
_NAMES = ("inputs", "kernel", "bias")


def in_order(found: Any, backend: Backend) -> Any:
    """Return gradients as those of inputs, kernel and bias; what are other things, as it is.

    They may come by name, in a mapping or as attributes. Without a bias they may be two.
    """
    by_name = found if isinstance(found, Mapping) else getattr(found, "__dict__", None)
    if hasattr(found, "__array__"):  # one gradient alone
        return found
    if isinstance(found, Mapping) or not hasattr(found, "__iter__"):
        if isinstance(by_name, Mapping) and {*_NAMES[:2]} <= {*by_name} <= {*_NAMES}:
            return [by_name.get(name) for name in _NAMES]
        return found
    listed = items(found)
    without_bias = len(listed) == 2 and getattr(backend.layer, "bias", None) is None
    return [*listed, None] if without_bias else listed


@attrs.frozen(eq=False)
class Gradients(Step):
    """Gradients of `sum(output * output_gradient)` by inputs, kernel and bias, losses not added."""

    inputs: Array
    output_gradient: Array

    def run(self, backend: Backend) -> Value:
        function = backend.attribute("gradients")
        lent = backend.lend(inputs=self.inputs, output_gradient=self.output_gradient)
        return backend.plain(in_order(backend.called(function, *lent), backend))

    def source(self, words: Words) -> str:
        arrays = map(words.array, (self.inputs, self.output_gradient))
        return words.called("layer.gradients", *arrays)


@attrs.frozen
class LossGradients(Step):
    """Gradients of the sum of all weight losses by kernel and bias."""

    text = "layer.loss_gradients()"

    def run(self, backend: Backend) -> Value:
        return backend.plain(items(backend.attribute("loss_gradients")()))


@attrs.frozen(eq=False)
class SecondGradient(Step):
    """Gradient by the kernel of `sum(dx * dx)`, dx being the gradient by the inputs."""

    inputs: Array
    output_gradient: Array


@attrs.frozen(eq=False)
class Train(Step):
    """One step of `optimizer` on `sum(output * output_gradient)`, then the constraints.

    `gradient_descent` is the plain step `w - learning_rate * gradient`; any other name is one of
    TensorFlow's optimizers (`v1.Adam`, `keras.SGD` ...), which only TensorFlow subjects have.
    """

    changes_state = True
    inputs: Array
    output_gradient: Array
    learning_rate: float
    optimizer: str = "gradient_descent"

    def run(self, backend: Backend) -> Value:
        if self.optimizer != "gradient_descent":
            raise Unsupported(f"has no optimizer {self.optimizer!r}")
        apply_gradients, gradients = map(backend.attribute, ("apply_gradients", "gradients"))
        given = backend.give(inputs=self.inputs, output_gradient=self.output_gradient)
        _, kernel, bias = in_order(backend.called(gradients, *given), backend)
        found = [kernel] if bias is None else [kernel, bias]
        apply_gradients(list(map(backend.placed, found)), self.learning_rate)
        return backend.plain(backend.weights())

    def source(self, words: Words) -> str:
        given = f"{words.array(self.inputs)}, {words.array(self.output_gradient)}"
        gradients = f"[{words.placed('g')} for g in layer.gradients({given})[1:] if g is not None]"
        return f"layer.apply_gradients({gradients}, {self.learning_rate}) or {words.weights}"
