"""ONNX Runtime: a model of one ConvTranspose node on the CPU provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.bench.layers import Layer
from conformance.bench.peers import Call, Data, NotSupported, to_nchw, to_nhwc
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

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """`run` allocates its output, `binding` writes to one that was allocated before."""
        if data.output_gradient is not None:
            raise NotSupported("ONNX Runtime's inference package has no gradients")
        if layer.dtype != "float32":
            raise NotSupported(f"ONNX Runtime has no ConvTranspose for {layer.dtype} on the CPU")
        inputs = to_nchw(data.inputs)
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._threads
        session = self._library.InferenceSession(
            self._model(layer, data, inputs.shape), options, providers=["CPUExecutionProvider"]
        )
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

    def _model(self, layer: Layer, data: Data, shape: tuple[int, ...]) -> bytes:
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
