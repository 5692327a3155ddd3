"""TensorFlow: conv2d_transpose and bias_add on tensors, in graph mode and eagerly."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from conformance.bench.layers import Layer
from conformance.bench.peers import Call, Data, to_nchw, to_nhwc


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

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """`graph` is a traced function, `eager` calls the operations one by one."""
        tf = self._tf
        first = layer.data_format == "channels_first"
        batch, height, width, filters = layer.output_shape
        shape = (batch, filters, height, width) if first else layer.output_shape
        layout = "NCHW" if first else "NHWC"

        def tensor(array: Any) -> Any:
            return tf.constant(to_nchw(array) if first else array)

        inputs, kernel, bias = tensor(data.inputs), tf.Variable(data.kernel), tf.Variable(data.bias)

        def forward(images: Any) -> Any:
            output = tf.nn.conv2d_transpose(
                images, kernel, shape, layer.strides, layer.padding.upper(), layout
            )
            return tf.nn.bias_add(output, bias, layout)

        def images_out(images: Any) -> Any:
            array = images.numpy()
            return to_nhwc(array) if first else array

        def forward_call(run: Callable[[], Any]) -> Call:
            return Call(run, lambda output: [images_out(output)])

        if data.output_gradient is None:
            traced = tf.function(forward)
            ways = {"graph": lambda: traced(inputs), "eager": lambda: forward(inputs)}
            return {name: functools.partial(forward_call, run) for name, run in ways.items()}

        given = tensor(data.output_gradient)

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
