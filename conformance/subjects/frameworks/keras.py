"""Keras 3: `keras.layers.Conv2DTranspose` on one of its backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.model import steps
from conformance.model.geometry import Geometry
from conformance.model.named import texts_of
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array, Value
from conformance.subjects.frameworks.jax import Forgetting
from conformance.subjects.frameworks.operation import crops_of, translating
from conformance.subjects.layer import LayerBackend

#: What a layer of Keras is asked to do: numbers, weights and training. Names, scopes and collections are another
#: layer's, which it does not claim to be.
STEPS = (
    steps.Build, steps.SetWeights, steps.GetWeights, steps.Call, steps.ComputeOutputShape, steps.Losses,
    steps.Gradients, steps.SecondGradient, steps.LossGradients, steps.Train,
)  # fmt: skip


class KerasDriver:
    """The layer of one backend, in one way."""

    def __init__(self, backend: str, way: str) -> None:
        import keras

        found = keras.config.backend()
        if found != backend:
            raise OSError(f"Keras runs on {found!r} here: KERAS_BACKEND={backend} is needed")
        self._keras, self._name = keras, backend
        self._forgetting = Forgetting()
        self.layer = keras.layers.Conv2DTranspose if way == "natural" else exact_layer()

    def versions(self) -> Mapping[str, str]:
        """Keras and its backend."""
        import importlib

        module = importlib.import_module("jax" if self._name == "numpy" else self._name)
        return {
            "keras": self._keras.__version__,
            module.__name__: module.__version__,
            "numpy": np.__version__,
        }

    def backend(self) -> steps.Backend:
        """Return a fresh backend."""
        if self._name in ("jax", "numpy"):  # the NumPy backend has its convolutions from JAX
            self._forgetting.count()
        return KerasBackend(self.layer)


class KerasBackend(LayerBackend):
    """Drives a layer of Keras 3."""

    takes_arrays = False  # its tensors are its own: of a situation only the steps are done
    kinds = STEPS

    def __init__(self, layer_class: Callable[..., Any]) -> None:
        import keras

        super().__init__(layer_class)
        self._keras = keras
        backend = keras.config.backend()
        # Losses and gradients are what the backends do not share.
        self._derivatives: Callable[..., Any] = getattr(self, f"_{backend}_derivatives")

    def do(self, step: steps.Step) -> Value:
        """Do a step; what Keras says that it does not have is a lack."""
        with translating((RuntimeError,)):
            return super().do(step)

    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        """Construct a layer; the suite's own functions are written for NumPy and TensorFlow alone."""
        for name, value in arguments.items():
            if texts_of(value) is not None:
                raise Unsupported(
                    f"Keras 3 is not given the suite's own functions, such as this {name}"
                )
        with translating(()):
            return super().make(arguments, positional)

    def weights(self) -> list[Any]:
        """The variables."""
        return list(self.layer.weights)

    def native(self, array: Array) -> Any:
        """A tensor of the backend, which may share the memory of what it is made of."""
        return self._keras.ops.convert_to_tensor(np.array(array))

    def seen(self, given: Any) -> Array:
        """A tensor as an array; TensorFlow makes none of a bfloat16 without axes."""
        ops = self._keras.ops
        if len(given.shape) == 0:
            return np.array(ops.convert_to_numpy(ops.reshape(given, (1,)))).reshape(())
        return np.array(ops.convert_to_numpy(given))

    def plain(self, result: Any) -> Value:
        """Tensors and variables as arrays."""
        if isinstance(result, (list, tuple)):
            return [self.plain(item) for item in result]
        if self._keras.ops.is_tensor(result) or isinstance(result, self._keras.Variable):
            return self.seen(result)
        return super().plain(result)

    def do_set_weights(self, step: steps.SetWeights) -> None:
        """As arrays."""
        self.layer.set_weights(list(step.values))

    def do_gradients(self, step: steps.Gradients) -> Value:
        """By the backend's own derivatives."""
        inputs, upstream = map(self.native, (step.inputs, step.output_gradient))
        found = self._derivatives(
            lambda images: self._keras.ops.sum(self.layer(images) * upstream), inputs
        )
        return [*self.plain(found), *[None] * (3 - len(found))]

    def do_loss_gradients(self, _: steps.LossGradients) -> Value:
        """The gradients of the sum of the layer's losses by its weights."""
        found = self._derivatives(lambda: sum(self.layer.losses))
        # JAX has zeros where nothing depends on a weight.
        unasked = [one.regularizer is None for one in self.layer.weights]
        return [
            None if free and one is not None and not np.any(one) else one
            for free, one in zip(unasked, map(self.plain, found))
        ]

    def do_train(self, step: steps.Train) -> Value:
        """One step of Keras' SGD, which applies the constraints."""
        if step.optimizer != "gradient_descent":
            raise Unsupported(f"has no optimizer {step.optimizer!r}")
        inputs, upstream = map(self.native, (step.inputs, step.output_gradient))
        _, *found = self._derivatives(
            lambda images: self._keras.ops.sum(self.layer(images) * upstream), inputs
        )
        variables = self.layer.trainable_weights
        self._keras.optimizers.SGD(step.learning_rate).apply(found[: len(variables)], variables)
        return self.plain(self.weights())

    def do_second_gradient(self, _: steps.SecondGradient) -> Value:
        """Keras has no derivatives of its own."""
        raise Unsupported("a layer of Keras is not asked for 'second_gradient'")

    def _numpy_derivatives(self, loss: Callable[..., Any], *inputs: Any) -> Sequence[Any]:
        raise Unsupported("the NumPy backend has no gradients")

    def _tensorflow_derivatives(self, loss: Callable[..., Any], *inputs: Any) -> Sequence[Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(inputs)
            made = loss(*inputs)
        weights = [variable.value for variable in self.layer.weights]
        found: Sequence[Any] = tape.gradient(made, [*inputs, *weights])
        return found

    def _torch_derivatives(self, loss: Callable[..., Any], *inputs: Any) -> Sequence[Any]:
        import torch

        watched = [one.detach().requires_grad_() for one in inputs]
        weights = [variable.value for variable in self.layer.weights]
        found: Sequence[Any] = torch.autograd.grad(
            loss(*watched), [*watched, *weights], allow_unused=True
        )
        return found

    def _jax_derivatives(self, loss: Callable[..., Any], *inputs: Any) -> Sequence[Any]:
        import jax

        weights = self.layer.weights

        def stateless(values: Sequence[Any], images: Sequence[Any]) -> Any:
            with self._keras.StatelessScope(state_mapping=list(zip(weights, values))):
                return loss(*images)

        values = [variable.value for variable in weights]
        by_weights, by_inputs = jax.grad(stateless, (0, 1))(values, inputs)
        if inputs:
            loss(*inputs)  # a stateless call leaves none of its losses in the layer
        return [*by_inputs, *by_weights]


def exact_layer() -> Any:
    """Return a subclass of Keras' layer whose convolution is the lowering."""
    import keras

    class Conv2DTranspose(keras.layers.Conv2DTranspose):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            ops = keras.ops
            geometry = Geometry.of(
                {
                    "filters": self.filters,
                    "kernel_size": self.kernel_size,
                    "strides": self.strides,
                    "padding": self.padding,
                    "dilation_rate": self.dilation_rate,
                    "output_padding": self.output_padding,
                }
            )
            first = self.data_format == "channels_first"
            images = ops.transpose(inputs, (0, 2, 3, 1)) if first else inputs
            height, width = crops_of(images, geometry)
            full = ops.conv_transpose(
                images,
                self.kernel,
                self.strides,
                "valid",
                # Without it, Keras appends what the lowering appends.
                output_padding=0,
                data_format="channels_last",
                dilation_rate=self.dilation_rate,
            )
            # Of an empty image JAX makes a longer one.
            rows, columns = (
                axis.full_length(n) for n, axis in zip(images.shape[1:3], geometry.axes)
            )
            kept = full[:, :rows, :columns][:, height.kept, width.kept]
            outputs = ops.pad(kept, ((0, 0), (0, height.appended), (0, width.appended), (0, 0)))
            if self.use_bias:
                outputs = outputs + self.bias
            outputs = ops.transpose(outputs, (0, 3, 1, 2)) if first else outputs
            return outputs if self.activation is None else self.activation(outputs)

    return Conv2DTranspose


def driver(variant: str, way: str) -> KerasDriver:
    """Return Keras on the backend `variant`."""
    return KerasDriver(variant, way)
