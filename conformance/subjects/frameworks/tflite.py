"""TensorFlow Lite: a layer of tf.keras, converted and run by the interpreter that TensorFlow brings.

`natural` is the layer itself with the default interpreter, which gives most to XNNPACK; `exact` is the lowering
with the builtin kernels alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from conformance.model import steps
from conformance.model.arguments import FURTHER, PAGE
from conformance.model.named import texts_of
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array, Value
from conformance.subjects import tensorflow
from conformance.subjects.frameworks import tf_keras
from conformance.subjects.frameworks.operation import translating
from conformance.subjects.layer import LayerBackend

#: Arguments of the layer that a converted model knows nothing of.
_OF_THE_LAYER = {*PAGE, *FURTHER} - {
    "filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias",
    "dilation_rate", "output_padding", "dtype", "name",
}  # fmt: skip


@attrs.frozen
class LiteDriver:
    """A layer and the interpreter's kernels."""

    layer: Callable[..., Any]
    kernels: Any

    def versions(self) -> Mapping[str, str]:
        """TensorFlow and its Keras."""
        return tensorflow.versions()

    def backend(self) -> steps.Backend:
        """Return a fresh backend."""
        return LiteBackend(self)


class LiteBackend(LayerBackend):
    """Drives a converted layer: a model for each shape of inputs."""

    takes_arrays = False  # its tensors are its own: of a situation only the steps are done
    kinds = (steps.Build, steps.SetWeights, steps.Call)

    def __init__(self, driver: LiteDriver) -> None:
        super().__init__(lambda **arguments: _Converted(driver, arguments))

    def do(self, step: steps.Step) -> Value:
        """Do a step; what the converter or the interpreter refuses is told as Python has it."""
        with translating((RuntimeError,)):
            return super().do(step)

    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        """Construct the layer that is converted."""
        strange = sorted(_OF_THE_LAYER & arguments.keys())
        if strange:
            raise Unsupported(f"a converted model has no {', '.join(strange)}")
        if texts_of(arguments.get("activation")) is not None:
            raise Unsupported(
                "a converted model calls no function of Python, such as this activation"
            )
        with translating(()):
            return self.layer_class(**arguments)


class _Converted:
    def __init__(self, driver: LiteDriver, arguments: Mapping[str, Any]) -> None:
        self._driver = driver
        self._layer = driver.layer(**arguments)
        self._models: dict[tuple[Any, ...], bytes] = {}

    def build(self, input_shape: steps.Shape) -> None:
        self._layer.build(input_shape)

    def set_weights(self, weights: Sequence[Array]) -> None:
        self._layer.set_weights(weights)
        self._models.clear()

    def __call__(self, inputs: Array) -> Array:
        import tensorflow as tf

        key = inputs.shape, inputs.dtype.name
        if key not in self._models:
            self._models[key] = self._model(inputs)
        interpreter = tf.lite.Interpreter(
            model_content=self._models[key],
            num_threads=1,
            experimental_op_resolver_type=self._driver.kernels,
        )
        interpreter.allocate_tensors()
        (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(given["index"], inputs)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(found["index"]))

    def _model(self, inputs: Array) -> bytes:
        import tensorflow as tf

        layer = self._layer
        signature = [tf.TensorSpec(inputs.shape, inputs.dtype)]
        traced = tf.function(layer, input_signature=signature)
        made = traced.get_concrete_function()
        content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([made], layer).convert()
        return content


def driver(variant: str, way: str) -> LiteDriver:
    """Return the interpreter of TensorFlow Lite."""
    import tensorflow as tf

    kinds = tf.lite.experimental.OpResolverType
    kernels = kinds.AUTO if way == "natural" else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return LiteDriver(tf_keras.driver(variant, way).layer, kernels)
