"""ONNX Runtime: a model of one ConvTranspose node on the CPU provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.bench.layers import Layer
from conformance.bench.peers import Array, Bind, Call, Data, NotSupported, to_nchw, to_nhwc
from conformance.model.lowering import output_padding, pads


class Peer:
    """NumPy arrays in and out, batch by channels by height by width."""

    def __init__(self, threads: int) -> None:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
        import onnxruntime

        self._onnx: Any = onnx
        self._library: Any = onnxruntime
        self._threads = threads

    def versions(self) -> dict[str, str]:
        """ONNX Runtime."""
        return {"onnxruntime": self._library.__version__}

    def kernels(self) -> dict[str, str]:
        """Nothing: its kernels are its own, and it does not say which it uses."""
        return {}

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """`run` allocates its output, `binding` writes to one that was allocated before."""
        if data.output_gradient is not None:
            raise NotSupported("ONNX Runtime's inference package has no gradients")
        inputs = to_nchw(data.inputs)
        session = self._session(layer, data, inputs.shape)
        batch, height, width, filters = layer.output_shape

        def binding() -> Call:
            output = np.empty((batch, filters, height, width), layer.dtype)
            bound = session.io_binding()
            bound.bind_cpu_input("inputs", inputs)
            bound.bind_output(
                "output", "cpu", 0, output.dtype.type, output.shape, output.ctypes.data
            )

            def run_bound() -> Any:
                session.run_with_iobinding(bound)
                return inputs, output  # the binding itself does not keep them alive

            return Call(run_bound, lambda _: [to_nhwc(output)])

        def run() -> Call:
            return Call(
                lambda: session.run(None, {"inputs": inputs}), lambda found: [to_nhwc(found[0])]
            )

        return {"run": run, "binding": binding}

    def varying(self, layer: Layer, data: Data) -> dict[str, Callable[[], Bind]]:
        """The same two, of a model whose height and width are not known; outputs are allocated by either."""
        session = self._session(layer, data, (layer.batch, layer.channels, "height", "width"))

        def bind_run(inputs: Array) -> Call:
            given = {"inputs": to_nchw(inputs)}
            return Call(lambda: session.run(None, given), lambda found: [to_nhwc(found[0])])

        def bind_binding(inputs: Array) -> Call:
            given = to_nchw(inputs)

            def run() -> Any:
                bound = session.io_binding()
                bound.bind_cpu_input("inputs", given)
                bound.bind_output("output", "cpu")
                session.run_with_iobinding(bound)
                return bound

            return Call(run, lambda bound: [to_nhwc(bound.get_outputs()[0].numpy())])

        return {"run": lambda: bind_run, "binding": lambda: bind_binding}

    def _session(self, layer: Layer, data: Data, shape: tuple[int | str, ...]) -> Any:
        """Load the model for inputs of a shape, in which names stand for what is not known."""
        if layer.dtype != "float32":
            raise NotSupported(f"ONNX Runtime has no ConvTranspose for {layer.dtype} on the CPU")
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._threads
        return self._library.InferenceSession(
            self._model(layer, data, shape), options, providers=["CPUExecutionProvider"]
        )

    def _model(self, layer: Layer, data: Data, shape: tuple[int | str, ...]) -> bytes:
        helper, arrays = self._onnx.helper, self._onnx.numpy_helper
        kernel = np.ascontiguousarray(data.kernel.transpose(3, 2, 0, 1))
        node = helper.make_node(
            "ConvTranspose",
            ["inputs", "kernel", "bias"],
            ["output"],
            kernel_shape=layer.kernel_size,
            strides=layer.strides,
            pads=pads(layer.crops),
            output_padding=output_padding(layer.crops),
        )
        number = self._onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [node],
            "layer",
            [helper.make_tensor_value_info("inputs", number, shape)],
            [helper.make_tensor_value_info("output", number, None)],
            [arrays.from_array(kernel, "kernel"), arrays.from_array(data.bias, "bias")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        content: bytes = model.SerializeToString()
        return content
