"""tf.keras: `tf.keras.layers.Conv2DTranspose` of Keras 2, in eager mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from conformance.model import steps
from conformance.model.geometry import Geometry
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Value
from conformance.subjects import tensorflow
from conformance.subjects.backend import has_attribute
from conformance.subjects.frameworks.keras import STEPS
from conformance.subjects.frameworks.operation import crops_of, translating
from conformance.subjects.layer import refused_keywords


@attrs.frozen
class TfKerasDriver:
    """The layer in one way."""

    layer: Callable[..., Any]

    def versions(self) -> Mapping[str, str]:
        """TensorFlow and its Keras."""
        return tensorflow.versions()

    def backend(self) -> steps.Backend:
        """Return a fresh backend."""
        return TfKerasBackend(self.layer)


class TfKerasBackend(tensorflow.EagerBackend):
    """Drives a layer of Keras 2 as TensorFlow's own is driven."""

    may_lack = True

    def __init__(self, layer_class: Callable[..., Any]) -> None:
        super().__init__()
        self.layer_class = layer_class

    def do(self, step: steps.Step) -> Value:
        """Do a step; what TensorFlow says that it does not have is a lack."""
        if not isinstance(step, STEPS):
            raise Unsupported(f"a layer of Keras is not asked for {step.tag!r}")
        with translating(()):
            return super().do(step)

    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        """Construct a layer; an argument that it does not take is a lack."""
        with translating(()), refused_keywords(arguments):
            return super().make(arguments, positional)

    def attribute(self, name: str) -> Any:
        """What it does not have, such as the v1 layer's `apply`, is a lack."""
        if not has_attribute(self.layer, name):
            raise Unsupported(f"the class has no {name!r}")
        return super().attribute(name)


def driver(variant: str, way: str) -> TfKerasDriver:
    """Return tf.keras.

    Raises:
        OSError: `tf.keras` is Keras 3 here.
    """
    versions = tensorflow.versions()  # which chooses Keras 2 where there are both
    import tensorflow as tf

    release = versions.get("tf_keras") or versions["keras"]
    if not release.startswith("2."):
        raise OSError(
            f"tf.keras is Keras {release} here, which keras@tensorflow is; pip install tf-keras"
        )
    return TfKerasDriver(tf.keras.layers.Conv2DTranspose if way == "natural" else exact_layer())


def exact_layer() -> Any:
    """Return a subclass of Keras 2's layer whose convolution is the lowering."""
    import tensorflow as tf

    class Conv2DTranspose(tf.keras.layers.Conv2DTranspose):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            first = self.data_format == "channels_first"
            images = tf.transpose(inputs, (0, 2, 3, 1)) if first else inputs
            axes = {name: getattr(self, name) for name in _SPATIAL}
            self.compute_output_shape(inputs.shape)  # raises what Keras' own call does
            geometry = Geometry.of({"filters": self.filters, **axes})
            for axis, size in zip(geometry.axes, images.shape[1:3]):
                made = axis.output_length(size)
                if axis.forward_length(made) != size:  # in TensorFlow's words
                    told = f"Size of out_backprop doesn't match computed: {size} for {made}"
                    raise tf.errors.InvalidArgumentError(None, None, told)
            height, width = cut = crops_of(images, geometry)
            lengths = [
                axis.full_length(size) for size, axis in zip(images.shape[1:3], geometry.axes)
            ]
            full = tf.nn.conv2d_transpose(
                images,
                self.kernel,
                (images.shape[0], *lengths, self.filters),
                self.strides,
                "VALID",
                dilations=self.dilation_rate,
            )
            appended = [(0, crop.appended) for crop in cut]
            outputs = tf.pad(full[:, height.kept, width.kept], ((0, 0), *appended, (0, 0)))
            if self.use_bias:
                outputs = tf.nn.bias_add(outputs, self.bias)
            outputs = tf.transpose(outputs, (0, 3, 1, 2)) if first else outputs
            return outputs if self.activation is None else self.activation(outputs)

    return Conv2DTranspose


_SPATIAL = ("kernel_size", "strides", "padding", "dilation_rate", "output_padding")
