"""TensorFlow: conv2d_transpose and bias_add on tensors, in graph mode and eagerly."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from conformance.bench import kernels
from conformance.bench.layers import Layer
from conformance.bench.peers import Array, Bind, Call, Data, to_nchw, to_nhwc
from conformance.model.geometry import Axis


class Peer:
    """Tensors in, tensors out; whether oneDNN is used is left to TensorFlow's default."""

    def __init__(self, threads: int) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        self._tf: Any = tensorflow

    def versions(self) -> dict[str, str]:
        """TensorFlow, and the switch of oneDNN where it is set."""
        found = {"tensorflow": self._tf.__version__}
        switch = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
        return found if switch is None else {**found, "TF_ENABLE_ONEDNN_OPTS": switch}

    def kernels(self) -> dict[str, str]:
        """OneDNN's; Eigen's own are those that TensorFlow was built with."""
        return kernels.onednn("tensorflow")

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """`graph` is a traced function, `eager` calls the operations one by one."""
        tf, images_in, images_out = self._tf, _images_in(layer), _images_out(layer)
        inputs = tf.constant(images_in(data.inputs))
        kernel, bias = tf.Variable(data.kernel), tf.Variable(data.bias)
        forward = self._forward(layer, kernel, bias)

        def forward_call(run: Callable[[], Any]) -> Call:
            return Call(run, lambda output: [images_out(output)])

        if data.output_gradient is None:
            traced = tf.function(forward)
            ways = {"graph": lambda: traced(inputs), "eager": lambda: forward(inputs)}
            return {name: functools.partial(forward_call, run) for name, run in ways.items()}

        given = tf.constant(images_in(data.output_gradient))

        def backward(images: Any, output_gradient: Any) -> Any:
            # The forward pass is pruned from the graph: its result is not needed.
            with tf.GradientTape() as tape:
                tape.watch(images)
                output = forward(images)
            return tape.gradient(output, [images, kernel, bias], output_gradient)

        graph = tf.function(backward)
        return {
            "graph": lambda: Call(
                lambda: graph(inputs, given),
                lambda found: [images_out(found[0]), found[1].numpy(), found[2].numpy()],
            )
        }

    def varying(self, layer: Layer, data: Data) -> dict[str, Callable[[], Bind]]:
        """`graph` is traced once, for height and width that are not known; `eager` needs no trace."""
        tf, images_in, images_out = self._tf, _images_in(layer), _images_out(layer)
        forward = self._forward(layer, tf.Variable(data.kernel), tf.Variable(data.bias))
        first = layer.data_format == "channels_first"
        known = (layer.batch, layer.channels)
        shape = (*known, None, None) if first else (known[0], None, None, known[1])
        traced = tf.function(forward, input_signature=[tf.TensorSpec(shape, data.kernel.dtype)])

        def bind(function: Callable[[Any], Any], inputs: Array) -> Call:
            images = tf.constant(images_in(inputs))
            return Call(lambda: function(images), lambda output: [images_out(output)])

        ways = {"graph": traced, "eager": forward}
        return {
            name: functools.partial(functools.partial, bind, function)
            for name, function in ways.items()
        }

    def _forward(self, layer: Layer, kernel: Any, bias: Any) -> Callable[[Any], Any]:
        """Return the function of the images, for whatever height and width they have."""
        tf = self._tf
        first = layer.data_format == "channels_first"
        layout = "NCHW" if first else "NHWC"

        def forward(images: Any) -> Any:
            known = images.shape[2:4] if first else images.shape[1:3]
            if None in known:
                sizes = tf.shape(images)
                known = (sizes[2], sizes[3]) if first else (sizes[1], sizes[2])
            height, width = (_output_length(axis, n) for axis, n in zip(layer.axes, known))
            batch, filters = layer.batch, layer.filters
            shape = (batch, filters, height, width) if first else (batch, height, width, filters)
            output = tf.nn.conv2d_transpose(
                images, kernel, shape, layer.strides, layer.padding.upper(), layout
            )
            return tf.nn.bias_add(output, bias, layout)

        return forward


def _output_length(axis: Axis, length: Any) -> Any:
    """Return the output's length for a number, or for a tensor that is not known before it runs."""
    return length * axis.stride + (0 if axis.same else max(axis.kernel - axis.stride, 0))


def _images_in(layer: Layer) -> Callable[[Array], Array]:
    first = layer.data_format == "channels_first"
    return lambda array: to_nchw(array) if first else array


def _images_out(layer: Layer) -> Callable[[Any], Array]:
    first = layer.data_format == "channels_first"
    return lambda images: to_nhwc(images.numpy()) if first else images.numpy()
